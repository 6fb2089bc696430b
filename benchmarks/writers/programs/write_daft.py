"""Files that Daft writes."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import daft
from common import make_files, only_file
from daft import DataType


def write(path: Path, frame: daft.DataFrame, compression: str) -> None:
    with TemporaryDirectory() as folder:
        frame.write_parquet(folder, compression=compression)
        shutil.copyfile(only_file(Path(folder)), path)


def columns(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    rows = {
        "text": texts,
        "seen": [datetime(2024, 2, 29, i % 24) for i in numbers],
        "age": [timedelta(hours=i) for i in numbers],
        "tags": [["a"] * (i % 3) for i in numbers],
        "facts": [{"place": i, "name": None} for i in numbers],
    }
    write(path, daft.from_pydict(rows), "snappy")


def flat(path: Path, texts: list[str]) -> None:
    rows = {"text": texts, "number": list(range(len(texts))), "share": [0.5] * len(texts)}
    write(path, daft.from_pydict(rows), "zstd")


def vectors(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    rows = {
        "text": texts,
        "vector": [[i, 1.0, 2.0] for i in numbers],
        "grid": [[i] for i in numbers],
    }
    frame = daft.from_pydict(rows)
    frame = frame.with_column(
        "vector", frame["vector"].cast(DataType.embedding(DataType.float32(), 3))
    )
    frame = frame.with_column("grid", frame["grid"].cast(DataType.tensor(DataType.int64(), (1,))))
    write(path, frame, "zstd")


make_files(
    "daft",
    "daft",
    [
        ("columns", "Timestamps, durations, lists and structs.", columns),
        ("flat", "Text and numbers alone.", flat),
        ("vectors", "Embedding and tensor columns.", vectors),
    ],
)
