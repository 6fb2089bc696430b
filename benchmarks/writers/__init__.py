"""Small Parquet files of many writers, with the column types that are special to each.

`python -m benchmarks.writers.make FOLDER` makes them. `programs` holds one program a writer.
"""
