"""Writers of Parquet files of many kinds, each by the library that knows the kind."""

import json
import struct
from datetime import datetime, time
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet import schema, thrift
from rm_ray.parquet.footer import StoredFooter, ended
from rm_ray.parquet.source import ParquetSource

ROWS = 40
TEXTS = [f"document {row}" for row in range(ROWS)]
FAR = datetime(9999, 12, 31)
NOW = datetime(2026, 11, 29, 1, 2, 3, 456789)


def duck(path, columns, options=""):
    sql = f"SELECT 'document ' || i AS text, {columns} FROM range({ROWS}) t(i)"
    duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet{options})")


def types(path):
    columns = """i::VARCHAR::JSON AS j, (i % 2)::VARCHAR::ENUM('0', '1') AS e,
        uuid() AS u, INTERVAL (i) DAY AS v, TIMETZ '10:11:12+00' AS z, TIME '10:11:12' AS t,
        (i / 4)::DECIMAL(9, 2) AS d4, (i / 4)::DECIMAL(18, 2) AS d8, (i / 4)::DECIMAL(30, 2) AS d16,
        (i + 200)::UTINYINT AS small, i::UBIGINT + 9223372036854775808 AS large,
        {'x': i, 'y': [i]}::VARIANT AS any"""
    duck(path, columns)


def geometry(path):
    duck(path, "('POINT (' || i || ' 1)')::GEOMETRY AS place")


def nanoseconds(path):
    """INT96 with nanoseconds, and with years that 64 bits of them do not hold; INT64 beside it."""
    at = pa.array([1_700_000_000_123_456_789 + row for row in range(ROWS)], pa.timestamp("ns"))
    pq.write_table(
        pa.table({"text": TEXTS, "at": at}), path, use_deprecated_int96_timestamps=True,
        store_schema=False,
    )  # fmt: skip


def int96_beside_int64(path):
    """One column INT96 and its neighbour not, as pyarrow itself cannot write them."""
    far = pa.array([FAR, None] * (ROWS // 2), pa.timestamp("us"))
    pq.write_table(
        pa.table({"text": TEXTS, "far": far}), path, use_deprecated_int96_timestamps=True,
        store_schema=False,
    )  # fmt: skip
    with path.open("rb") as file:
        source = ParquetSource.of(file)
        plain = pq.ParquetFile(file, metadata=source.metadata).read()
    near = pa.array([NOW] * ROWS, pa.timestamp("us"))
    writing = source.writing([pa.field("near", near.type)], None, ROWS)
    with pq.ParquetWriter(path, writing.schema, **writing.options) as writer:
        writer.write_table(plain.append_column(writing.schema.field("near"), near))
    with path.open("r+b") as file:
        writing.dress.put_on(file)


def license_of_polars(path):
    frame = pl.DataFrame({"text": TEXTS, "n": range(ROWS)})
    frame.write_parquet(path, metadata={"license": "CC0-1.0", "num_rows": str(ROWS)})


def int128(path):
    pl.DataFrame({"text": TEXTS, "n": pl.Series(range(ROWS), dtype=pl.Int128)}).write_parquet(path)


def pandas_range(path):
    pd.DataFrame({"text": TEXTS, "n": range(ROWS)}).to_parquet(path)


def boxes(path):
    """GeoParquet, of which the key `geo` has a box around all shapes."""
    column = {"encoding": "WKB", "geometry_types": ["Point"], "bbox": [0, 0, ROWS, 0]}
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": column}}
    points = [struct.pack("<bIdd", 1, 1, row, 0) for row in range(ROWS)]
    table = pa.table({"text": TEXTS, "g": points})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def every_choice(path):
    """Page index, Bloom filter, checksums, data page v2, encodings, decimals as integers."""
    price = pa.array([Decimal(row) / 4 for row in range(ROWS)], pa.decimal128(9, 2))
    table = pa.table({"text": TEXTS, "n": range(ROWS), "price": price})
    pq.write_table(
        table, path, write_page_index=True, write_page_checksum=True, data_page_version="2.0",
        use_dictionary=["price"], column_encoding={"n": "DELTA_BINARY_PACKED",
        "text": "DELTA_BYTE_ARRAY"}, bloom_filter_options={"text": {"ndv": 50, "fpp": 0.05}},
        store_decimal_as_integer=True, compression={"text": "brotli", "n": "gzip", "price": "none"},
    )  # fmt: skip


def sorted_groups(path):
    """Each row group is sorted, and the file is not."""
    table = pa.table({"text": TEXTS, "n": [*range(ROWS // 2)] * 2})
    pq.write_table(table, path, row_group_size=ROWS // 2, sorting_columns=[pq.SortingColumn(1)])


def field_ids(path, ids=(7, 3)):
    schema = pa.schema([
        pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})
        for name, kind, number in zip(("text", "n"), (pa.string(), pa.int64()), ids, strict=True)
    ])  # fmt: skip
    pq.write_table(pa.table({"text": TEXTS, "n": range(ROWS)}, schema), path)


def swapped_ids(path):
    field_ids(path, (3, 7))


def old_names(path):
    """Lists of `item`, as Arrow's writers named them once; maps, and times that are no UTC."""
    table = pa.table({
        "text": TEXTS, "tags": [["a", None], None] * (ROWS // 2),
        "pairs": pa.array([[("k", row)] for row in range(ROWS)], pa.map_(pa.string(), pa.int64())),
        "at": pa.array([time(1, 2)] * ROWS, pa.time64("us")),
    })  # fmt: skip
    pq.write_table(table, path, use_compliant_nested_type=False, store_schema=False)


def views(path):
    table = pa.table({"text": pa.array(TEXTS, pa.string_view()),
                      "kind": pa.array(["a", "b"] * (ROWS // 2)).dictionary_encode(),
                      "large": pa.array(TEXTS, pa.large_string())})  # fmt: skip
    pq.write_table(table, path)


KINDS = [
    types, geometry, nanoseconds, int96_beside_int64, license_of_polars, int128, pandas_range,
    boxes, every_choice, sorted_groups, field_ids, swapped_ids, old_names, views,
]  # fmt: skip


def two_levels(path):
    """`repeated int32 tags`: pyarrow reads it, and writes lists with three levels only."""
    table = pa.table({"text": TEXTS, "tags": pa.array([[r, r] for r in range(ROWS)], pa.list_(
        pa.field("element", pa.int32(), nullable=False)))})  # fmt: skip
    fields = [table.schema.field(0), table.schema.field(1).with_nullable(False)]
    pq.write_table(table.cast(pa.schema(fields)), path, store_schema=False, use_dictionary=False)
    with path.open("rb") as file:
        footer = StoredFooter.read(file)
    root, text, _, _, leaf = footer.elements
    # required group tags { repeated group list { required int32 element } } has the same levels
    leaf = thrift.put(leaf, schema.NAME, thrift.BINARY, b"tags")
    leaf = thrift.put(leaf, schema.REPETITION, thrift.I32, 2)
    groups = []
    for group in footer.row_groups:
        chunks = thrift.get(group, 1).values
        meta = thrift.get(chunks[1], 3)
        path_ = thrift.Items(thrift.BINARY, [b"tags"])
        chunks[1] = thrift.put(chunks[1], 3, thrift.STRUCT, thrift.put(meta, 3, thrift.LIST, path_))
        groups.append(group)
    body = path.read_bytes()
    length = int.from_bytes(body[-8:-4], "little")
    footer = footer.with_elements([root, text, leaf]).with_row_groups(groups)
    path.write_bytes(body[: -8 - length] + ended(footer.to_bytes()))
