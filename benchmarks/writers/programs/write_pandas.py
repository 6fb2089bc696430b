"""Files that pandas writes by pyarrow."""

from pathlib import Path

import pandas as pd
from common import make_files


def range_index(path: Path, texts: list[str]) -> None:
    frame = pd.DataFrame({"text": texts, "number": range(len(texts))})
    frame.index = pd.RangeIndex(100, 100 + 3 * len(texts), 3, name="place")
    frame.attrs["license"] = "CC-BY-4.0"
    frame.to_parquet(path)


def named_index(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    frame = pd.DataFrame({"text": texts, "number": numbers})
    pairs = [(f"url-{i}", pd.Timestamp("2024-02-29", tz="Asia/Tokyo")) for i in numbers]
    frame.index = pd.MultiIndex.from_tuples(pairs, names=["url", None])
    frame.to_parquet(path)


def extensions(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    frame = pd.DataFrame(
        {
            "text": pd.array(texts, dtype="string"),
            "month": pd.period_range("2000-01", periods=len(texts), freq="M"),
            "range": pd.interval_range(0, len(texts)),
            "source": pd.Categorical([("web", "book")[i % 2] for i in numbers], ordered=True),
            "count": pd.array([i if i % 5 else None for i in numbers], dtype="UInt16"),
            "age": pd.to_timedelta(list(numbers), unit="h"),
            7: list(numbers),
        }
    )
    frame.columns = frame.columns.map(str)
    frame.to_parquet(path, compression="gzip")


make_files(
    "pandas",
    "pandas",
    [
        ("range-index", "A RangeIndex in the `pandas` key, with attributes.", range_index),
        ("named-index", "A named and an unnamed index level, stored as columns.", named_index),
        ("extensions", "Period, Interval, ordered Categorical and timedelta columns.", extensions),
    ],
)
