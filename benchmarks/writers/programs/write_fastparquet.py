"""Files that fastparquet writes."""

from pathlib import Path

import fastparquet
import pandas as pd
from common import make_files


def frame_of(texts: list[str]) -> pd.DataFrame:
    """The documents, their text as Python objects, which fastparquet can encode."""
    return pd.DataFrame({"text": pd.Series(texts, dtype="object"), "number": range(len(texts))})


def objects(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts)
    frame["facts"] = pd.Series([{"place": i, "tags": ["a"]} for i in range(len(texts))])
    kinds = {"text": "utf8", "facts": "json"}
    fastparquet.write(str(path), frame, object_encoding=kinds, custom_metadata={"license": "CC0"})


def lz4(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts)
    frame["source"] = pd.Categorical([("web", "book", "mail")[i % 3] for i in range(len(texts))])
    frame["sure"] = pd.array([(True, False, None)[i % 3] for i in range(len(texts))], "boolean")
    fastparquet.write(str(path), frame, compression="LZ4", row_group_offsets=50)


def int96(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts)
    # fastparquet takes times for nanoseconds when it writes INT96, whatever their unit is.
    frame["seen"] = pd.date_range("2024-02-29", periods=len(texts), freq="h", unit="ns")
    frame["age"] = pd.to_timedelta(list(range(len(texts))), unit="s")
    fastparquet.write(str(path), frame, times="int96", write_index=True)


def fixed_text(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts)
    frame["code"] = pd.Series([f"{i:04}".encode() for i in range(len(texts))], dtype="object")
    frame["seen"] = pd.date_range("2024-02-29", periods=len(texts), freq="h", tz="Europe/Paris")
    kinds = {"text": "utf8", "code": "bytes"}
    fastparquet.write(str(path), frame, object_encoding=kinds, fixed_text={"code": 4}, has_nulls=[])


make_files(
    "fastparquet",
    "fastparquet",
    [
        ("json", "A column of Python objects in JSON, and a `license` key.", objects),
        ("lz4", "The codec LZ4, four row groups, and a categorical column.", lz4),
        ("int96", "INT96 timestamps, a timedelta, and a stored index.", int96),
        ("fixed-text", "Bytes of a fixed length, and required columns.", fixed_text),
    ],
)
