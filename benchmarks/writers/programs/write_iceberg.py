"""Data files of Iceberg tables, as PyIceberg writes them."""

import shutil
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pyarrow as pa
from common import make_files, only_file
from pyiceberg.catalog.sql import SqlCatalog


def table_of(texts: list[str]) -> pa.Table:
    numbers = range(len(texts))
    columns = {
        "text": texts,
        "seen": pa.array([datetime(2024, 2, 29)] * len(texts), pa.timestamp("us", "UTC")),
        "at": pa.array([time(i % 24) for i in numbers], pa.time64("us")),
        "price": pa.array([Decimal(i) for i in numbers], pa.decimal128(9, 2)),
        "id": pa.array([UUID(int=i).bytes for i in numbers], pa.uuid()),
        "tags": pa.array([["a"] for _ in numbers]),
        "counts": pa.array([[("a", i)] for i in numbers], pa.map_(pa.string(), pa.int64())),
        "facts": [{"place": {"deep": i}} for i in numbers],
    }
    return pa.table(columns)


def write(path: Path, texts: list[str], properties: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        places = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}"}
        catalog = SqlCatalog("local", **places)
        catalog.create_namespace("corpus")
        documents = table_of(texts)
        table = catalog.create_table("corpus.documents", documents.schema, properties=properties)
        table.append(documents)
        shutil.copyfile(only_file(Path(folder)), path)
        catalog.close()


def tuned(path: Path, texts: list[str]) -> None:
    names = {"compression-codec": "gzip", "page-row-limit": "20", "row-group-limit": "64"}
    write(path, texts, {f"write.parquet.{name}": value for name, value in names.items()})


make_files(
    "pyiceberg",
    "iceberg",
    [
        (
            "data",
            "Field ids at every depth, a UUID and a map.",
            lambda path, texts: write(path, texts, {}),
        ),
        ("pages", "Small pages and row groups, GZIP.", tuned),
    ],
)
