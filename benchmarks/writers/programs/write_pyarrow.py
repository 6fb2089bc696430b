"""Files that pyarrow writes."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from common import make_files

START = datetime(2024, 2, 29, 12)


def sorted_pages(path: Path, texts: list[str]) -> None:
    table = pa.table({"text": texts, "number": range(len(texts)), "host": texts})
    pq.write_table(
        table,
        path,
        sorting_columns=[pq.SortingColumn(1)],
        write_page_index=True,
        write_page_checksum=True,
        bloom_filter_options={"host": {"ndv": len(texts), "fpp": 0.01}},
        max_rows_per_page=20,
        row_group_size=100,
        use_content_defined_chunking=True,
    )


def encodings(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    table = pa.table({"text": texts, "url": texts, "number": numbers})
    table = table.append_column("reward", pa.array([i / 7 for i in numbers], pa.float32()))
    table = table.append_column("sure", pa.array([i % 9 > 0 for i in numbers]))
    encodings = {
        "text": "DELTA_LENGTH_BYTE_ARRAY",
        "url": "DELTA_BYTE_ARRAY",
        "number": "DELTA_BINARY_PACKED",
        "reward": "BYTE_STREAM_SPLIT",
        "sure": "RLE",
    }
    codecs = {"text": "zstd", "url": "brotli", "number": "lz4", "reward": "gzip", "sure": "none"}
    pq.write_table(
        table,
        path,
        data_page_version="2.0",
        use_dictionary=False,
        column_encoding=encodings,
        compression=codecs,
    )


def decimals(path: Path, texts: list[str]) -> None:
    kinds = {
        "int32": pa.decimal128(7, 2),
        "int64": pa.decimal128(17, 3),
        "bytes": pa.decimal128(38, 0),
        "wide": pa.decimal256(60, 5),
        "small": pa.decimal32(5, 2),
    }
    columns = {
        name: pa.array([Decimal(i) for i in range(len(texts))], kind)
        for name, kind in kinds.items()
    }
    pq.write_table(pa.table({"text": texts, **columns}), path, store_decimal_as_integer=True)


def int96(path: Path, texts: list[str]) -> None:
    times = [START + timedelta(days=i) for i in range(len(texts))]
    last = datetime(9999, 12, 31, 23, 59, 59)
    columns = {
        "seconds": pa.array(times, pa.timestamp("s", "UTC")),
        "microseconds": pa.array([*times[1:], last], pa.timestamp("us")),
        "nanoseconds": pa.array(times, pa.timestamp("ns")),
    }
    table = pa.table({"text": texts, **columns})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False)


def times(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    columns = {
        "milliseconds": pa.array([time(i % 24) for i in numbers], pa.time32("ms")),
        "nanoseconds": pa.array([time(i % 24) for i in numbers], pa.time64("ns")),
        "age": pa.array([timedelta(days=i) for i in numbers], pa.duration("s")),
        "day": pa.array([START + timedelta(days=i) for i in numbers], pa.date64()),
        "seen": pa.array([START] * len(texts), pa.timestamp("ns", "-05:30")),
    }
    pq.write_table(pa.table({"text": texts, **columns}), path, write_time_adjusted_to_utc=True)


def extensions(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    vectors = pa.array([[i, i + 1] for i in numbers], pa.list_(pa.float32(), 2))
    columns = {
        "id": pa.array([UUID(int=i).bytes for i in numbers], pa.uuid()),
        "facts": pa.array([f'{{"i": {i}}}' for i in numbers], pa.json_()),
        "sure": pa.array([i % 2 for i in numbers], pa.int8()).cast(pa.bool8()),
        "vector": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [2]), vectors),
        "half": pa.array([i / 4 for i in numbers], pa.float16()),
    }
    pq.write_table(pa.table({"text": texts, **columns}), path)


def shapes(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    facts = pa.struct([pa.field("name", pa.large_string()), pa.field("size", pa.uint64())])
    columns = {
        "source": pa.array([("web", "book")[i % 2] for i in numbers]).dictionary_encode(),
        "parts": pa.array([[i] * (i % 3) for i in numbers], pa.list_view(pa.int16())),
        "map": pa.array([[("a", i)] for i in numbers], pa.map_(pa.string(), pa.uint32())),
        "facts": pa.array([{"name": "n", "size": 2**64 - 1 - i} for i in numbers], facts),
        "nothing": pa.nulls(len(texts)),
        "runs": pa.array(["same"] * len(texts)).dictionary_encode(),
    }
    table = pa.table({"text": pa.array(texts, pa.string_view()), **columns})
    pq.write_table(table, path, use_compliant_nested_type=False)


def field_ids(path: Path, texts: list[str]) -> None:
    notes = {"PARQUET:field_id": "7", "comment": "the page's plain text"}
    fields = [
        pa.field("text", pa.string(), nullable=False, metadata=notes),
        pa.field("Text", pa.int32(), metadata={"PARQUET:field_id": "9"}),
        pa.field("a.b", pa.int64()),
        pa.field("", pa.bool_()),
        pa.field("größe 📏", pa.float64()),
    ]
    numbers = range(len(texts))
    arrays = [texts, numbers, numbers, [True] * len(texts), numbers]
    schema = pa.schema(fields, metadata={"license": "CC-BY-4.0", b"raw": b"\xff\x00"})
    columns = [pa.array(values, field.type) for values, field in zip(arrays, fields, strict=True)]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)


make_files(
    "pyarrow",
    "pyarrow",
    [
        ("sorted", "Sorting columns, page index, checksums, Bloom filter, chunking.", sorted_pages),
        ("encodings", "Data pages of version 2, an encoding and codec a column.", encodings),
        ("decimals", "Decimals in INT32 and INT64, and one of 60 digits.", decimals),
        ("int96", "INT96 timestamps, one in the year 9999, and no Arrow schema.", int96),
        ("times", "TIME adjusted to UTC, a duration, date64, an offset time zone.", times),
        ("extensions", "UUID, JSON, bool8, tensor and float16 columns.", extensions),
        ("shapes", "View, map, dictionary and NULL columns; list items named `item`.", shapes),
        ("field-ids", "Field ids, odd column names, and metadata that is not text.", field_ids),
    ],
)
