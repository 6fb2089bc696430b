"""Data files of Delta tables, as deltalake writes them."""

import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from common import make_files, only_file
from deltalake import BloomFilterProperties, ColumnProperties, WriterProperties, write_deltalake


def table_of(texts: list[str]) -> pa.Table:
    numbers = range(len(texts))
    columns = {
        "text": texts,
        "seen": pa.array([datetime(2024, 2, 29, i % 24) for i in numbers], pa.timestamp("us")),
        "zoned": pa.array([datetime(2024, 2, 29)] * len(texts), pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal(i) for i in numbers], pa.decimal128(12, 2)),
        "tags": pa.array([["a", None] for _ in numbers]),
        "facts": [{"place": i} for i in numbers],
    }
    return pa.table(columns)


def write(path: Path, texts: list[str], properties: WriterProperties | None) -> None:
    with TemporaryDirectory() as folder:
        write_deltalake(folder, table_of(texts), writer_properties=properties)
        shutil.copyfile(only_file(Path(folder)), path)


def tuned(path: Path, texts: list[str]) -> None:
    blooms = ColumnProperties(bloom_filter_properties=BloomFilterProperties(True, 0.01, 200))
    properties = WriterProperties(
        compression="LZ4_RAW",
        data_page_row_count_limit=20,
        write_batch_size=10,
        max_row_group_size=64,
        column_properties={"text": blooms},
    )
    write(path, texts, properties)


make_files(
    "deltalake",
    "delta",
    [
        ("data", "A data file with the defaults.", lambda path, texts: write(path, texts, None)),
        ("pages", "Small pages, a Bloom filter, and LZ4_RAW.", tuned),
    ],
)
