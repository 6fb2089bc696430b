"""Files that Polars writes."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from common import make_files


def license_key(path: Path, texts: list[str]) -> None:
    frame = pl.DataFrame({"text": texts, "number": range(len(texts))})
    frame.write_parquet(path, metadata={"license": "CC-BY-4.0", "collected": "2024-02-29"})


def categories(path: Path, texts: list[str]) -> None:
    names = [("web", "book", None)[i % 3] for i in range(len(texts))]
    frame = pl.DataFrame(
        {
            "text": pl.Series(texts, dtype=pl.Categorical),
            "source": pl.Series(names, dtype=pl.Enum(["book", "web", "mail"])),
            "kind": pl.Series(names, dtype=pl.Categorical),
        }
    )
    frame.write_parquet(path, compression="lz4", statistics="full")


def times(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    frame = pl.DataFrame(
        {
            "text": texts,
            "age": [timedelta(seconds=i, microseconds=i) for i in numbers],
            "at": [time(i % 24, 30, 0, i) for i in numbers],
            "day": [date(2024, 2, 29) - timedelta(days=i * 1000) for i in numbers],
            "seen": pl.Series(
                [datetime(2024, 2, 29, i % 24) for i in numbers]
            ).dt.replace_time_zone("Europe/Paris"),
            "price": pl.Series([Decimal(i) / 8 for i in numbers], dtype=pl.Decimal(20, 3)),
        }
    )
    frame.write_parquet(path)


def int128(path: Path, texts: list[str]) -> None:
    signed = pl.Series([(-1) ** i * (i << 90) for i in range(len(texts))], dtype=pl.Int128)
    pl.DataFrame({"text": texts, "huge": signed}).write_parquet(path)


def uint128(path: Path, texts: list[str]) -> None:
    unsigned = pl.Series([i << 120 for i in range(len(texts))], dtype=pl.UInt128)
    pl.DataFrame({"text": texts, "huge": unsigned}).write_parquet(path)


def nested(path: Path, texts: list[str]) -> None:
    numbers = range(len(texts))
    frame = pl.DataFrame(
        {
            "text": texts,
            "vector": pl.Series([[i, i + 0.5] for i in numbers], dtype=pl.Array(pl.Float32, 2)),
            "halves": pl.Series([i / 2 for i in numbers], dtype=pl.Float16),
            "parts": [[{"name": "a", "size": i}] if i % 3 else None for i in numbers],
            "empty": pl.Series([None] * len(texts), dtype=pl.Null),
            "facts": [{"nothing": None, "bytes": b"x"} for _ in numbers],
            "by_name": pl.Series([{"a": i} for i in numbers], dtype=pl.Map(pl.String, pl.Int64)),
        }
    )
    frame.write_parquet(path, row_group_size=64, data_page_size=1024)


make_files(
    "polars",
    "polars",
    [
        ("license", "A `license` key beside the stored Arrow schema.", license_key),
        ("categories", "The text is Categorical; Enum and Categorical columns; LZ4.", categories),
        ("times", "Durations, times, a time zone, and a Decimal(20, 3).", times),
        ("int128", "An Int128 column.", int128),
        ("uint128", "A UInt128 column.", uint128),
        ("nested", "Array, Float16, Map, list of structs, and Null columns.", nested),
    ],
)
