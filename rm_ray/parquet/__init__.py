"""The Parquet format itself, where pyarrow has no word for it: footers, schema elements, pages.

Knows nothing of stores, corpora or jobs. The source of every field number is the format's own
definition, parquet.thrift of apache/parquet-format 2.12.
"""
