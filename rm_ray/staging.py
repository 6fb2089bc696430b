"""Pieces of shards that could not be judged whole: kept apart, joined, and committed once.

A piece lies in `_rm_ray/staged` under the name that a part of its rows would have. It is no part:
a slow first attempt that still commits the whole shard doubles nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import ray

from rm_ray.cluster import WRITE_CPUS
from rm_ray.commit import PARTS_PER_TASK, part_bytes, read_counts, read_part
from rm_ray.config import InputConfig
from rm_ray.counts import Counts, total
from rm_ray.judge_shard import give_up, pieces_between
from rm_ray.judges import DocumentTokenizer, Judge
from rm_ray.plan import RowSample, Shard
from rm_ray.reading import read_patiently, tokenize
from rm_ray.storage import Folder
from rm_ray.suspicion import Settled


@dataclass(frozen=True)
class Staging:
    """Joins staged pieces to parts, and takes parts to pieces; runs in Ray tasks.

    `tokenizer_ref`, `judge_ref`: Ray references.
    """

    rewards: Folder
    staged: Folder
    fingerprint: str
    input: InputConfig
    sample: RowSample
    tokenizer_ref: Any
    judge_ref: Any

    def join(self, settled: Sequence[Settled]) -> list[Any]:
        """A Ray reference for each: to whether it created the shard's part, just now."""
        task = _join.options(num_cpus=WRITE_CPUS)
        return [task.remote(one, self, self.tokenizer_ref, self.judge_ref) for one in settled]

    def reopen_failed(self, shards: Sequence[Shard]) -> int:
        """Take back the parts with rows that `failed`, all others of their rows staged; how many.

        Only parts whose footers count such rows are read.
        """
        batches = [shards[i : i + PARTS_PER_TASK] for i in range(0, len(shards), PARTS_PER_TASK)]
        return sum(ray.get([_reopen.remote(batch, self, self.judge_ref) for batch in batches]))


@ray.remote(max_retries=3)
def _join(settled: Settled, staging: Staging, tokenizer: DocumentTokenizer, judge: Judge) -> bool:
    """Commit a shard from its pieces and the rows given up, and clear the pieces away.

    Raises:
        OSError: the rows are not exactly the shard's; nothing was committed.
    """
    (shard,) = settled.unit.shards
    created = False
    if staging.rewards.read(shard.part) is None:  # or an earlier try of this task was here
        tables = [read_part(staging.staged, piece.part) for piece in settled.pieces]
        tables += _given_up(settled, staging, tokenizer, judge)
        table, counts = joined(tables)
        rows = staging.sample.chosen(shard.file, shard.start, shard.stop)
        if table.column("row").to_pylist() != rows.tolist():
            raise OSError(f"the staged pieces of {shard.part} do not make up its rows")
        data = part_bytes(table, counts.to_json(), staging.fingerprint)
        created = staging.rewards.create(shard.part, data)
    for piece in settled.pieces:
        staging.staged.remove(piece.part)
    return created


def joined(tables: Sequence[tuple[pa.Table, Counts]]) -> tuple[pa.Table, Counts]:
    """All rows of pieces, in order, and their counts."""
    rows = pa.concat_tables([table for table, _ in tables]).sort_by("row").combine_chunks()
    return rows, total(counts for _, counts in tables)


def _given_up(
    settled: Settled, staging: Staging, tokenizer: DocumentTokenizer, judge: Judge
) -> list[tuple[pa.Table, Counts]]:
    (shard,) = settled.unit.shards
    if not settled.given_up:
        return []
    rows = tuple(Shard(shard.file, row, row + 1) for row in sorted(settled.given_up))
    unit = replace(settled.unit, shards=rows)
    return [
        give_up(row, tokenize(documents, tokenizer), settled.given_up, judge)
        for row, documents in read_patiently(unit, staging.input, tokenizer.columns)
    ]


@ray.remote(num_cpus=WRITE_CPUS, max_retries=3)
def _reopen(shards: Sequence[Shard], staging: Staging, judge: Judge) -> int:
    return sum(_reopen_part(shard, staging, judge) for shard in shards)


def _reopen_part(shard: Shard, staging: Staging, judge: Judge) -> bool:
    try:
        counts = read_counts(staging.rewards, shard.part, staging.fingerprint)
        if not counts or not counts.statuses.get("failed"):
            return False
        table, counts = read_part(staging.rewards, shard.part)
    except (FileNotFoundError, pa.ArrowInvalid):
        return False  # taken back by an earlier try; or damaged, which finish() will say
    for piece, rows, theirs in pieces_between(shard, table, counts, judge):
        data = part_bytes(rows, theirs.to_json(), staging.fingerprint)
        staging.staged.create(piece.part, data)
    staging.rewards.remove(shard.part)
    return True
