"""Pieces of shards that could not be judged whole: kept apart, joined, and committed once.

A piece lies in `_rm_ray/staged` under the name that a part of its rows would have. It is no part:
a slow first attempt that still commits the whole shard doubles nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rm_ray.cluster import WRITE_CPUS
from rm_ray.config import InputConfig
from rm_ray.corpus.reading import read_patiently, tokenize
from rm_ray.corpus.shards import ReadUnit, RowSample, Shard, part_prefix, prefix_of, tile
from rm_ray.counts import Counts, total
from rm_ray.judges.judge import DocumentTokenizer, Judge, TokenIds
from rm_ray.run.commit import PARTS_PER_TASK, part_bytes, read_counts, read_part
from rm_ray.run.suspicion import Settled
from rm_ray.score.judge_shard import give_up, pieces_between
from rm_ray.store.folder import Folder

# Parts or pieces that are looked through for a document with a reward.
GOOD_TRIES = 8


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

    def known_good(
        self, units: Sequence[ReadUnit], committed: Collection[str], staged: Collection[str]
    ) -> Any:
        """A Ray reference to the token ids of a document of the units that has a reward; None where
        nothing is known of any. Engines judge it before they are believed about a suspect.
        """
        for folder, span, unit in islice(self._judged(units, committed, staged), GOOD_TRIES):
            document = _known_good.remote(self, folder, span, unit, self.tokenizer_ref)
            if ray.get(document) is not None:
                return document
        return None

    def _judged(
        self, units: Sequence[ReadUnit], committed: Collection[str], staged: Collection[str]
    ) -> Iterator[tuple[Folder, Shard, ReadUnit]]:
        """Parts and pieces of the units, each with where it lies; parts first."""
        for unit in units:
            yield from ((self.rewards, s, unit) for s in unit.shards if s.part in committed)
        begun = {prefix_of(name) for name in staged}
        for unit in units:
            if part_prefix(unit.file) in begun:
                pieces = [piece for shard in unit.shards for piece in tile(shard, staged)[0]]
                yield from ((self.staged, piece, unit) for piece in pieces)

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
    in_order = sorted((table for table, _ in tables), key=_first_row)
    return pa.concat_tables(in_order).combine_chunks(), total(counts for _, counts in tables)


def _first_row(table: pa.Table) -> int:
    return table.column("row")[0].as_py() if len(table) else -1


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
def _known_good(
    staging: Staging, folder: Folder, span: Shard, unit: ReadUnit, tokenizer: DocumentTokenizer
) -> TokenIds | None:
    try:
        rewards, _ = read_part(folder, span.part)
        scored = rewards.filter(pc.is_valid(rewards.column("reward"))).sort_by("n_tokens")
        if not len(scored):
            return None
        row = scored.column("row")[0].as_py()
        one = replace(unit, shards=(Shard(span.file, row, row + 1),))
        ((_, documents),) = read_patiently(one, staging.input, tokenizer.columns)
    except (OSError, pa.ArrowInvalid):
        return None  # another one will do
    ids: TokenIds = tokenize(documents, tokenizer).column("_ids")[0].values.to_numpy()
    return ids


@ray.remote(num_cpus=WRITE_CPUS, max_retries=3)
def _reopen(shards: Sequence[Shard], staging: Staging, judge: Judge) -> int:
    return sum(_reopen_part(shard, staging, judge) for shard in shards)


def _reopen_part(shard: Shard, staging: Staging, judge: Judge) -> bool:
    try:
        found = read_counts(staging.rewards, shard.part, staging.fingerprint)
        if not found or not found[0].statuses.get("failed"):
            return False
        table, counts = read_part(staging.rewards, shard.part)
    except (FileNotFoundError, pa.ArrowInvalid):
        return False  # taken back by an earlier try; or damaged, which finish() will say
    for piece, rows, theirs in pieces_between(shard, table, counts, judge):
        data = part_bytes(rows, theirs.to_json(), staging.fingerprint)
        staging.staged.create(piece.part, data)
    staging.rewards.remove(shard.part)
    return True
