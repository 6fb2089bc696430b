"""The Parquet format itself, where pyarrow has no word for it: footers, schema elements, pages.

Its files:

    thrift       Thrift's compact protocol, without a schema
    footer       a file's footer, field by field
    schema       the schema, element by element
    pages        what stands before each page of a column
    sizes        the sizes of values, whatever their encoding
    readable     which columns of a file pyarrow can read
    encryption   finds encrypted columns where the footer is plain
    kind         how a file was written, so that another is written likewise
    source       a file whose rows are copied to another one
    key_values   a file's own metadata, for a file with some of its rows
    bare         copies columns for which pyarrow has no type
"""
