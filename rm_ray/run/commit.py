"""The commit stage: one shard, one part, written once and whole.

A part's name and rows follow from its shard, so a second attempt finds the first one's part
and leaves it. Its footer carries the shard's counts: totals are read from the parts themselves.
"""

import hashlib
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from rm_ray.corpus.files import is_bad_file
from rm_ray.corpus.shards import Piece, PlannedFile, RowSample, Shard, shards_of
from rm_ray.counts import Counts, total
from rm_ray.errors import one_line
from rm_ray.run.shard_row import unpack
from rm_ray.store.folder import Folder
from rm_ray.store.retry import BRIEF, WAITS, patiently

COUNTS_KEY = "rm_ray.counts"
FINGERPRINT_KEY = "rm_ray.fingerprint"
ROWS_KEY = "rm_ray.rows"
PARTS_PER_TASK = 256


@dataclass(frozen=True)
class CommitStage:
    """Writes packed shards of rewards as parts, and pieces to where they wait to be joined; called
    by Ray Data.

    No datasink: Ray's driver keeps every block that was written to one until the run's end.
    """

    rewards: Folder
    staged: Folder
    fingerprint: str
    tally: Any

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Write each part or piece; yields nothing."""
        for shard, rewards, note in unpack(block):
            began = time.perf_counter()
            folder = self.staged if isinstance(shard, Piece) else self.rewards
            # where another part could not be written, this one is tried, but not for long
            waits = BRIEF if ray.get(self.tally.halted.remote()) else WAITS
            try:
                created = folder.create(
                    shard.part, part_bytes(rewards, note, self.fingerprint), waits
                )
            except OSError as error:
                # every further shard would be judged for nothing
                ray.get(self.tally.halt.remote(f"cannot write to {folder.uri}: {error}"))
                break
            except Exception as error:  # noqa: BLE001 - or Ray would drop the shard without a word
                ray.get(self.tally.fault.remote(f"{shard} cannot be stored: {one_line(error)}"))
                continue
            if isinstance(shard, Piece):
                self.tally.staged.remote()
            else:
                seconds = time.perf_counter() - began
                self.tally.add.remote(Counts(parts=int(created), commit_seconds=seconds))
        yield from ()


def part_bytes(rewards: pa.Table, counts: str, fingerprint: str) -> bytes:
    """A part as Parquet bytes. In its footer: its counts, the run's fingerprint, and a hash of its
    rows, by which whoever reads it can say which rows these were.
    """
    rows = rewards.cast(_as_read_back(rewards.schema.remove_metadata()))
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, rows.schema, compression="zstd") as writer:
        writer.write_table(rows)
        written = hashlib.sha256(buffer.getbuffer()).hexdigest()[:32]
        writer.add_key_value_metadata(
            {COUNTS_KEY: counts, FINGERPRINT_KEY: fingerprint, ROWS_KEY: f"sha256:{written}"}
        )
    return buffer.getvalue()


def _as_read_back(schema: pa.Schema) -> pa.Schema:
    """The schema after Parquet, which renames what is in lists and maps.

    With it a part that was joined from pieces is the same bytes as one that was judged whole.
    """
    buffer = io.BytesIO()
    pq.write_table(schema.empty_table(), buffer)
    return pq.read_schema(buffer).remove_metadata()


def read_part(folder: Folder, name: str) -> tuple[pa.Table, Counts]:
    """The rows of a part, without its metadata, and its counts.

    Raises:
        FileNotFoundError: there is no such part.
        pa.ArrowInvalid: it is not a part, or damaged.
    """
    data = folder.read(name)
    if data is None:
        raise FileNotFoundError(f"{folder.uri}/{name} is gone")
    with damage_is_invalid(), pq.ParquetFile(io.BytesIO(data)) as part:
        counts = (part.metadata.metadata or {}).get(COUNTS_KEY.encode())
        if counts is None:
            raise pa.ArrowInvalid(f"{folder.uri}/{name} has no counts in its footer")
        return part.read().replace_schema_metadata(None), Counts.from_json(counts.decode())


def read_counts(folder: Folder, name: str, fingerprint: str) -> tuple[Counts, int] | None:
    """What a part's footer says of its rows, and how many there are; None if another judge's.

    Raises:
        FileNotFoundError: there is no such part.
        pa.ArrowInvalid: it is not a part, or damaged.
    """
    footer = _footer(folder, name)
    metadata = footer.metadata or {}
    counts = metadata.get(COUNTS_KEY.encode())
    if counts is None or metadata.get(FINGERPRINT_KEY.encode()) != fingerprint.encode():
        return None
    return Counts.from_json(counts.decode()), footer.num_rows


@contextmanager
def damage_is_invalid() -> Iterator[None]:
    """Arrow calls some damage an OSError, and a store's faults pass where damage does not.

    Raises:
        pa.ArrowInvalid: in place of an OSError without a number.
    """
    try:
        yield
    except OSError as error:
        if is_bad_file(error) and not isinstance(error, FileNotFoundError):
            raise pa.ArrowInvalid(str(error)) from error
        raise


def count_parts(
    shards: Sequence[Shard], rewards: Folder, fingerprint: str, sample: RowSample
) -> tuple[Counts, list[str]]:
    """Totals over the shards' parts, and a sentence for each part that is not what it should be."""
    batches = [shards[i : i + PARTS_PER_TASK] for i in range(0, len(shards), PARTS_PER_TASK)]
    tasks = [_count_batch.remote(batch, rewards, fingerprint, sample) for batch in batches]
    results = ray.get(tasks)
    return total(counts for counts, _ in results), [s for _, found in results for s in found]


def orphans(committed: Iterable[str], plan: Iterable[PlannedFile]) -> list[str]:
    """A sentence for each part that no planned shard has: its rows would count twice."""
    planned = {shard.part for shard in shards_of(plan)}
    return [f"{name}: of no planned shard" for name in sorted(set(committed) - planned)]


@ray.remote(num_cpus=0.25, max_retries=3)
def _count_batch(
    shards: Sequence[Shard], rewards: Folder, fingerprint: str, sample: RowSample
) -> tuple[Counts, list[str]]:
    counts, problems = [], []
    for shard in shards:
        result = _count_part(shard, rewards, fingerprint, sample)
        if isinstance(result, str):
            problems.append(f"{shard.part}: {result}")
        else:
            counts.append(result)
    return total(counts), problems


def _count_part(shard: Shard, rewards: Folder, fingerprint: str, sample: RowSample) -> Counts | str:
    try:
        found = read_counts(rewards, shard.part, fingerprint)
    except FileNotFoundError:
        return "missing"
    except pa.ArrowInvalid as error:
        return f"not a readable Parquet file: {error}"
    if found is None:
        return "written by another judge"
    counts, rows = found
    expected = len(sample.chosen(shard.file, shard.start, shard.stop))
    if rows != expected or counts.documents != expected:
        return f"has {rows} rows, not {expected}"
    return counts


def _footer(folder: Folder, name: str) -> pq.FileMetaData:
    """A part's footer. One that looks damaged is read again: so does a body that was cut short."""

    def read() -> pq.FileMetaData:
        with damage_is_invalid(), folder.fs.open(f"{folder.path}/{name}", "rb") as file:
            return pq.read_metadata(file)

    for wait in BRIEF:
        try:
            return patiently(read)
        except pa.ArrowInvalid:
            time.sleep(wait)
    return patiently(read)
