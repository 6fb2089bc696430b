"""Files that parquet-rs writes, by arro3."""

from pathlib import Path

import pyarrow as pa
from arro3.io import write_parquet
from common import make_files


def views(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    columns = {
        "text": pa.array(texts, pa.string_view()),
        "bytes": pa.array([text.encode() for text in texts], pa.binary_view()),
        "half": pa.array([i / 2 for i in numbers], pa.float16()),
        "source": pa.array([("web", "book")[i % 2] for i in numbers]).dictionary_encode(),
        "months": pa.array([i * 86_400 for i in numbers], pa.duration("s")),
    }
    keys = {"license": "CC-BY-4.0"}
    write_parquet(pa.table(columns), path, compression="zstd(3)", key_value_metadata=keys)


def version_2(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    columns = {"text": texts, "number": numbers, "reward": [i / 7 for i in numbers]}
    write_parquet(
        pa.table(columns),
        path,
        writer_version="parquet_2_0",
        dictionary_enabled=False,
        column_encoding={"number": "delta_binary_packed", "reward": "byte_stream_split"},
        compression="lz4_raw",
        bloom_filter_enabled=True,
        bloom_filter_ndv=200,
        skip_arrow_metadata=True,
        data_page_row_count_limit=20,
        write_batch_size=10,
    )


make_files(
    "arro3-io",
    "arro3",
    [
        ("views", "View, dictionary, float16 and duration columns, and a `license` key.", views),
        ("version-2", "Data pages of version 2, Bloom filters, no Arrow schema.", version_2),
    ],
)
