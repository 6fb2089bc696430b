"""A corpus of every shape that a filter has to carry unchanged, and its rewards."""

import decimal
import random
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.files import HIVE_NULL

LANGS = ("en", "de", HIVE_NULL)
FILES = 3


def write(folder, rows=120, seed=0):
    """Hive folders of three languages; row groups of many sizes, a file without rows, one of
    another schema, and codecs that differ by column.
    """
    for lang in LANGS:
        for number in range(FILES):
            where = folder / f"lang={lang}"
            where.mkdir(parents=True, exist_ok=True)
            rng = random.Random(f"{seed} {lang} {number}")
            table = _table(rng, 0 if (lang, number) == ("de", 1) else rows)
            if (lang, number) == ("en", 2):
                table = table.append_column("more", pa.array(range(len(table)), pa.int32()))
            size = rng.choice([7, 32, 1000])
            pq.write_table(
                table, where / f"{number}.parquet", row_group_size=size,
                compression={"text": "zstd", "id": "gzip"} if number else "snappy",
                use_dictionary=["kind"] if number else True,
            )  # fmt: skip
    return folder


def _table(rng, rows):
    def some(make):
        return [None if rng.random() < 0.15 else make() for _ in range(rows)]

    ids = [f"id-{rng.randrange(rows // 2 + 1)}" for _ in range(rows)]  # duplicates among them
    struct = pa.struct({"a": pa.int16(), "b": pa.list_(pa.string())})
    return pa.table(
        {
            "id": ids,
            "text": some(lambda: rng.choice(["", "é\x00\n", "<|endoftext|>", "x" * 300])),
            "kind": pa.array(some(lambda: rng.choice("uvw"))).dictionary_encode(),
            "price": pa.array(
                some(lambda: decimal.Decimal(rng.randrange(10**9)) / 100), pa.decimal128(20, 2)
            ),
            "at": pa.array(
                some(lambda: datetime(2026, 1, 1 + rng.randrange(28), tzinfo=UTC)),
                pa.timestamp("us", "UTC"),
            ),
            "day": pa.array(some(lambda: date(2026, 2, 1 + rng.randrange(28))), pa.date32()),
            "nested": pa.array(
                some(lambda: {"a": rng.randrange(9), "b": ["p", None][: rng.randrange(3)]}), struct
            ),
            "chats": pa.array(
                some(lambda: [{"role": "user", "content": "q"}] * rng.randrange(3)),
                pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
            ),
            "pairs": pa.array(
                some(lambda: [("k", rng.randrange(5))]), pa.map_(pa.string(), pa.int64())
            ),
            "raw": pa.array(some(lambda: bytes([rng.randrange(256)])), pa.binary()),
            "ratio": pa.array(some(lambda: rng.choice([0.1, float("nan"), -0.0])), pa.float64()),
            "nothing": pa.nulls(rows),
            "size": pa.array([rng.randrange(50) for _ in range(rows)], pa.uint16()),
            "holes": pa.array(some(lambda: rng.randrange(50)), pa.float64()),
        }
    ).replace_schema_metadata({"made by": "hand"})


def rewards(shard, seed=0, ties=6):
    """Few values, so many ties; some documents have none."""
    rng = np.random.default_rng([seed, *shard.file.encode(), shard.start])
    n = shard.stop - shard.start
    values = rng.integers(-ties, ties, n) / 4
    none = rng.random(n) < 0.1
    reward = pa.array(values, pa.float32(), mask=none)
    scores = [
        None if gone else [float(v), float(v) * 2] for v, gone in zip(values, none, strict=True)
    ]
    return pa.table(
        {
            "id": [f"{shard.file[-9:]}-{row}" for row in range(shard.start, shard.stop)],
            "reward": reward,
            "n_tokens": rng.integers(0, 40, n),
            "status": np.where(none, rng.choice(["empty", "failed"], n), "ok"),
            "error": pa.nulls(n, pa.string()),
            "attributes": pa.array([s and {"a": s[0], "b": -s[0]} for s in scores]),
            "logits": pa.array(scores, pa.list_(pa.float32())),
            "source": pa.array(rng.choice(["a", "b"], n), mask=rng.random(n) < 0.2),
        }
    )
