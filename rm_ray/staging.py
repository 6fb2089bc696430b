"""Pieces of shards that could not be judged whole: kept apart, joined, and committed once.

A piece lies in `_rm_ray/staged` under the name that a part of its rows would have. It is no part:
a slow first attempt that still commits the whole shard doubles nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray

from rm_ray.commit import PARTS_PER_TASK, part_bytes, read_part
from rm_ray.judge_shard import pieces_between
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.plan import Shard
from rm_ray.rewards import Counts, total
from rm_ray.storage import Folder


@dataclass(frozen=True)
class Staging:
    """The folder of staged pieces, of one judge."""

    folder: Folder
    fingerprint: str

    def keep(self, piece: Shard, rewards: pa.Table, counts: Counts) -> None:
        """Stage a piece's rows."""
        self.folder.create(piece.part, part_bytes(rewards, counts.to_json(), self.fingerprint))

    def names(self) -> list[str]:
        """Names of all that is staged, from one listing."""
        return self.folder.names()

    def discard(self, pieces: Iterable[Shard]) -> None:
        """Remove staged pieces."""
        for piece in pieces:
            self.folder.remove(piece.part)

    def reopen(self, shard: Shard, rewards: Folder, judge: PreferenceJudge) -> bool:
        """Take a part back if any of its rows `failed`, its other rows staged; whether it was."""
        try:
            table, counts = read_part(rewards, shard.part)
        except (FileNotFoundError, pa.ArrowInvalid):
            return False  # taken back by an earlier try; or damaged, which finish() will say
        if not counts.statuses.get("failed"):
            return False
        for piece, rows, theirs in pieces_between(shard, table, counts, judge):
            self.keep(piece, rows, theirs)
        rewards.remove(shard.part)
        return True

    def join(
        self, pieces: Iterable[Shard], more: Iterable[tuple[pa.Table, Counts]] = ()
    ) -> tuple[pa.Table, Counts]:
        """All rows of staged pieces and `more`, in order."""
        tables = [read_part(self.folder, piece.part) for piece in pieces] + list(more)
        rows = pa.concat_tables([table for table, _ in tables]).sort_by("row").combine_chunks()
        return rows, total(counts for _, counts in tables)


def reopen_parts(shards: Sequence[Shard], rewards: Folder, staging: Staging, judge: Any) -> int:
    """Reopen every part that has failed rows, by Ray tasks; how many. `judge`: a Ray reference."""
    batches = [shards[i : i + PARTS_PER_TASK] for i in range(0, len(shards), PARTS_PER_TASK)]
    return sum(ray.get([_reopen_batch.remote(batch, rewards, staging, judge) for batch in batches]))


@ray.remote(num_cpus=0.25, max_retries=3)
def _reopen_batch(
    shards: Sequence[Shard], rewards: Folder, staging: Staging, judge: PreferenceJudge
) -> int:
    return sum(staging.reopen(shard, rewards, judge) for shard in shards)
