"""Read and write the parts of the Parquet format that pyarrow hides: footers, schemas, pages.

Its files:

    thrift       Thrift's compact protocol, without a schema
    footer       a file's footer, field by field
    schema       the schema, element by element
    pages        the header before each page of a column
    sizes        the sizes of values, independent of their encoding
    readable     finds the columns of a file that pyarrow can read
    encryption   finds encrypted columns in a file with a plain footer
    kind         the way a file is written, so that another is written likewise
    source       a file whose rows are copied to another one
    key_values   adapts a file's own metadata to a file with some of its rows
    bare         copies columns for which pyarrow has no type
"""
