"""Nights for tests: a run of which each segment is a night, with rewards that a test chooses."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.groups import texts
from rm_ray.report.__main__ import main
from tests.scored_runs import fabricate

# Columns of the corpus files that are those of the rewards.
COLUMNS = ("id", "source", "reward", "n_tokens", "status", "error")


def documents(rewards: Mapping[str | None, np.ndarray], failed: Mapping[str, int] | None = None):
    """A night's documents: by source their rewards, and how many failed besides."""
    rows = [(source, float(r), "ok") for source, theirs in rewards.items() for r in theirs]
    rows += [(s, None, "failed") for s, count in (failed or {}).items() for _ in range(count)]
    rng = np.random.default_rng(len(rows))
    rows = [rows[i] for i in rng.permutation(len(rows))]
    return pa.table(
        {
            "id": [f"doc-{i}" for i in range(len(rows))],
            "text": [f"document {i} of {source}" for i, (source, _, _) in enumerate(rows)],
            "source": pa.array([source for source, _, _ in rows], pa.string()),
            "reward": pa.array([reward for _, reward, _ in rows], pa.float32()),
            "n_tokens": pa.array(rng.integers(10, 500, len(rows)), pa.int64()),
            "status": [status for _, _, status in rows],
            "error": pa.array([None] * len(rows), pa.string()),
        }
    )


def add_night(
    folder: Path, night: str, rows: pa.Table, *, first: str = "", shard_rows: int = 100, **more
) -> Path:
    """Another segment of the run in folder/scored; the corpus is in folder/corpus.

    `first`: the night on which the same documents came first; without it they are new.
    """
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    ids = texts(rows.column("id"))
    if all(one.startswith("doc-") for one in ids):
        ids = [f"{one} {first or night}" for one in ids]
        rows = rows.set_column(rows.schema.get_field_index("id"), "id", pa.array(ids, pa.string()))
    pq.write_table(rows, corpus / f"{night}.parquet", row_group_size=64)

    def rewards(shard):
        table = pq.read_table(shard.file, partitioning=None)
        return table.select(COLUMNS).slice(shard.start, shard.stop - shard.start)

    fabricate(folder / "scored", corpus, rewards, shard_rows=shard_rows, **more)
    return folder / "scored"


def report(caplog, folder: Path, *extra: str, **changes) -> tuple[int, str]:
    """Exit status of the job in this process, and what it logged; `rewards_column=...` stands for
    --rewards.column.
    """
    caplog.clear()
    caplog.set_level("INFO")
    given = {"rewards.path": folder / "scored", "output.path": folder / "report"}
    given |= {key.replace("_", ".", 1): value for key, value in changes.items()}
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    return main([*words, *extra]), caplog.text
