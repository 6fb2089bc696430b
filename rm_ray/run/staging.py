"""Stages the pieces of shards that failed as a whole, and joins them to parts.

A piece is stored in `_rm_ray/staged`, under the name of a part with the piece's rows. Pieces are
not parts, so no row is counted twice if a slow first attempt still commits the whole shard.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from rm_ray.cluster.fit import TASK_CPUS
from rm_ray.corpus.plan import Unit
from rm_ray.corpus.shards import Shard, part_prefix, prefix_of, tile
from rm_ray.counts.summable import total
from rm_ray.run.counts import RunCounts
from rm_ray.run.faults.suspicion import Settled
from rm_ray.run.output.commit import part_bytes, read_counts, read_part
from rm_ray.run.output.pieces import stretches_between
from rm_ray.run.shard_job import AnyJob, DoneRows
from rm_ray.run.totals import PARTS_PER_TASK
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import results_of, run_tasks


@dataclass(frozen=True)
class Staging:
    """A Staging joins staged pieces to parts, and cuts parts into pieces, in tasks."""

    parts: Folder
    """Folder of the parts."""
    staged: Folder
    """Folder of the staged pieces."""
    fingerprint: str
    """Short name of the run's fingerprint."""
    job: AnyJob
    """The job."""
    columns: Mapping[str, pa.DataType]
    """Types of the copied columns, by name."""

    def join(self, settled: Sequence[Settled]) -> list[bool | Exception | Ended]:
        """Commit settled shards from their pieces.

        Returns:
            For each shard: True if its part was created now, False if it existed already, or the
            reason why it could not be created.
        """
        batches = [[shard] for shard in settled]
        return run_tasks(_join, batches, self, cpus=TASK_CPUS, doing="joined shards")

    def results(
        self, units: Sequence[Unit], committed: Collection[str], staged: Collection[str]
    ) -> Iterator[DoneRows[Unit]]:
        """Yield the parts of the units, then their staged pieces.

        Args:
            units: the units.
            committed: names of the committed parts.
            staged: names of the staged pieces.
        """
        for unit in units:
            yield from ((self.parts, s, unit) for s in unit.shards if s.part in committed)
        begun = {prefix_of(name) for name in staged}
        for unit in units:
            if part_prefix(unit.file) in begun:
                left = [shard for shard in unit.shards if shard.part not in committed]
                pieces = [piece for shard in left for piece in tile(shard, staged)[0]]
                yield from ((self.staged, piece, unit) for piece in pieces)

    def reopen_failed(self, shards: Sequence[Shard]) -> int:
        """Remove the parts with failed rows, and stage their other rows as pieces.

        Only parts whose footers count failed rows are read.

        Returns:
            How many parts were removed.
        """
        batches = [shards[i : i + PARTS_PER_TASK] for i in range(0, len(shards), PARTS_PER_TASK)]
        reopened = results_of(
            _reopen,
            batches,
            self,
            cpus=TASK_CPUS,
            doing="looked for documents that failed",
            of=self.parts.uri,
        )
        return sum(reopened)


def _join(batch: Sequence[Settled], staging: Staging) -> bool | Exception:
    """Commit a shard. Errors are returned and not raised, so that other shards are joined."""
    (settled,) = batch
    try:
        return _commit_joined(settled, staging, staging.job)
    except Exception as error:  # noqa: BLE001 - the driver looks at it
        return error


def _commit_joined(settled: Settled, staging: Staging, job: AnyJob) -> bool:
    """Commit a shard from its pieces and its rows given up, then remove the pieces.

    Returns:
        True if the part was created now.

    Raises:
        OSError: pieces and rows given up are not exactly the shard's documents. Nothing was
            committed.
    """
    (shard,) = settled.unit.shards
    created = False
    if staging.parts.size(shard.part) is None:  # an earlier try of this task may have created it
        spans = {
            piece.start: read_part(staging.staged, piece.part, job.spec.counts)
            for piece in settled.pieces
        }
        table, counts = joined(_given_up(settled, staging, job) | spans, job.spec.counts)
        if counts.documents != job.count_documents([shard]) or (
            job.spec.a_row_each and table.column("row").to_pylist() != job.documents(shard).tolist()
        ):
            raise OSError(f"the staged pieces of {shard.part} do not make up its rows")
        data = part_bytes(table, counts.to_json(), staging.fingerprint)
        parts = replace(staging.parts, patience=Patience(staging.parts.storage.patience_s))
        created = parts.create(shard.part, data)
    for piece in settled.pieces:
        staging.staged.remove(piece.part)
    return created


def joined(
    spans: Mapping[int, tuple[pa.Table, RunCounts]], kind: type[RunCounts]
) -> tuple[pa.Table, RunCounts]:
    """Join spans of rows, in order, and sum their counts.

    Args:
        spans: rows and counts of each span, by the row number of its first document.
        kind: class of the counts.
    """
    tables, counts = zip(*(spans[start] for start in sorted(spans)), strict=True)
    return pa.concat_tables(tables).combine_chunks(), total(counts, kind)


def _given_up(
    settled: Settled, staging: Staging, job: AnyJob
) -> dict[int, tuple[pa.Table, RunCounts]]:
    rows = sorted(settled.given_up)
    if not rows:
        return {}
    spans = tuple(Shard(settled.unit.file, row, row + 1) for row in rows)
    written = job.give_up(settled.unit.with_shards(spans), settled.given_up, staging.columns)
    return dict(zip(rows, written, strict=True))


def _reopen(shards: Sequence[Shard], staging: Staging) -> int:
    return sum(_reopen_part(shard, staging, staging.job) for shard in shards)


def _reopen_part(shard: Shard, staging: Staging, job: AnyJob) -> bool:
    try:
        counted = read_counts(staging.parts, shard.part, staging.fingerprint, job.spec.counts)
        if not counted or not counted[0].statuses.get("failed"):
            return False
        table, counts = read_part(staging.parts, shard.part, job.spec.counts)
    except (FileNotFoundError, pa.ArrowInvalid):
        return False  # removed by an earlier try; or damaged, which finish() will report
    pieces, stretches = stretches_between(shard, table)
    divided = job.divide(counts, stretches)
    for piece, rows, piece_counts in zip(pieces, stretches, divided, strict=True):
        data = part_bytes(rows, piece_counts.to_json(), staging.fingerprint)
        staging.staged.create(piece.part, data)
    staging.parts.remove(shard.part)
    return True
