"""Small Parquet files of many writers, with the column types that only one writer has.

`python -m benchmarks.writers.make FOLDER` makes them. `programs` holds one program per writer.
"""
