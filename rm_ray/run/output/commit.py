"""The commit stage: writes each shard as one part, once and whole.

A part's name and rows follow from its shard, so a second attempt finds the part of the first one
and leaves it. The part's footer holds the shard's counts: totals are read from the parts.
"""

import hashlib
import io
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.parquet import is_bad_file
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.errors import one_line
from rm_ray.run.counts import RunCounts
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.shard_row import unpack
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience, patiently

COUNTS_KEY = "rm_ray.counts"
FINGERPRINT_KEY = "rm_ray.fingerprint"
ROWS_KEY = "rm_ray.rows"
Kind = TypeVar("Kind", bound=RunCounts)


@dataclass(frozen=True)
class CommitStage:
    """A CommitStage writes packed shards as parts, and packed pieces as staged files.

    Ray Data calls it. It is no datasink, because Ray's driver would keep every block that was
    written to a datasink until the end of the run.
    """

    parts: Folder
    """Folder of the parts."""
    staged: Folder
    """Folder of the pieces, until they are joined."""
    fingerprint: str
    """Short name of the run's fingerprint."""
    counts: type[RunCounts]
    """Class of the job's counts."""
    tally: TallyHandle
    """Handle of the run's tally."""

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Write each part or piece of a block. Yields nothing."""
        for shard, rows, note in unpack(block):
            writing = f"writing {shard}"
            if not self.tally.call(Tally.may_try, writing):
                continue
            began = time.perf_counter()
            folder = self.staged if isinstance(shard, Piece) else self.parts
            try:
                data = part_bytes(rows, note, self.fingerprint)
                created = write_or_halt(partial(_create, folder, shard, data), folder, self.tally)
            except Exception as error:  # noqa: BLE001 - Ray would drop the shard silently
                reason = f"{shard} cannot be stored: {one_line(error)}"
                self.tally.call(Tally.fault, reason, "store")
                continue
            self.tally.tell(Tally.tried, writing)
            if created is None:
                break
            if isinstance(shard, Piece):
                self.tally.tell(Tally.staged)
            else:
                seconds = time.perf_counter() - began
                self.tally.tell(Tally.add, self.counts(parts=int(created), commit_seconds=seconds))
        yield from ()


def _create(folder: Folder, shard: Shard, data: bytes, patience: Patience) -> bool:
    return replace(folder, patience=patience).create(shard.part, data)


def write_or_halt(
    write: Callable[[Patience], bool], folder: Folder, tally: TallyHandle
) -> bool | None:
    """Write finished rows, and stop the run if the store refuses them.

    If a store refuses rows, every further shard would be done for nothing.

    Args:
        write: writes the rows, with the patience that it is given. The patience is 0 s if the run
            is stopping already.
        folder: where the rows are written.
        tally: handle of the run's tally.

    Returns:
        The result of `write`; None if the store refused the rows.
    """
    name = uuid.uuid4().hex
    tally.tell(Tally.begins_to_write, name)
    stopping = tally.call(Tally.halted)
    seconds = 0.0 if stopping else folder.storage.patience_s
    try:
        return write(Patience(seconds, TellTally(tally, pauses=True), has_asked=True))
    except OSError as error:
        tally.call(Tally.halt, f"cannot write to {folder.uri}: {error}")
        return None
    finally:
        tally.tell(Tally.note_written, name)


def part_bytes(table: pa.Table, counts: str, fingerprint: str) -> bytes:
    """Return a part as Parquet bytes.

    Its footer holds the counts, the run's fingerprint, and a hash of the rows. Readers use the hash
    to check that they read the same rows as before.
    """
    rows = table.cast(_as_read_back(table.schema.remove_metadata()))
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, rows.schema, compression="zstd") as writer:
        writer.write_table(rows)
        written = hashlib.sha256(buffer.getbuffer()).hexdigest()[:32]
        writer.add_key_value_metadata(
            {COUNTS_KEY: counts, FINGERPRINT_KEY: fingerprint, ROWS_KEY: f"sha256:{written}"}
        )
    return buffer.getvalue()


def _as_read_back(schema: pa.Schema) -> pa.Schema:
    """Return the schema as Parquet gives it back: Parquet renames the items of lists and maps.

    With this schema, a part that was joined from pieces has the same bytes as a part that was
    never cut.
    """
    buffer = io.BytesIO()
    pq.write_table(schema.empty_table(), buffer)
    return pq.read_schema(buffer).remove_metadata()


def read_part(folder: Folder, name: str, kind: type[Kind]) -> tuple[pa.Table, Kind]:
    """Return the rows of a part, without metadata, and its counts.

    Raises:
        FileNotFoundError: there is no part of this name.
        pa.ArrowInvalid: the file is not a part, or is damaged.
    """
    data = folder.read(name)
    if data is None:
        raise FileNotFoundError(f"{folder.uri}/{name} is gone")
    with damage_is_invalid(), pq.ParquetFile(io.BytesIO(data)) as part:
        counts = (part.metadata.metadata or {}).get(COUNTS_KEY.encode())
        if counts is None:
            raise pa.ArrowInvalid(f"{folder.uri}/{name} has no counts in its footer")
        return part.read().replace_schema_metadata(None), kind.from_json(counts.decode())


def read_counts(
    folder: Folder, name: str, fingerprint: str, kind: type[Kind]
) -> tuple[Kind, int] | None:
    """Return the counts and the number of rows of a part, from its footer.

    None: the part is of another run.

    Raises:
        FileNotFoundError: there is no part of this name.
        pa.ArrowInvalid: the file is not a part, or is damaged.
    """
    footer, _ = open_part(folder, name)
    metadata = footer.metadata or {}
    counts = metadata.get(COUNTS_KEY.encode())
    if counts is None or metadata.get(FINGERPRINT_KEY.encode()) != fingerprint.encode():
        return None
    return kind.from_json(counts.decode()), footer.num_rows


@contextmanager
def damage_is_invalid() -> Iterator[None]:
    """Turn Arrow's OSErrors for damaged files into ArrowInvalid.

    Other OSErrors are faults of the store, and may pass. Damage does not pass.

    Raises:
        pa.ArrowInvalid: instead of an OSError without an error number.
    """
    try:
        yield
    except OSError as error:
        if is_bad_file(error):
            raise pa.ArrowInvalid(str(error)) from error
        raise


def open_part(
    folder: Folder, name: str, columns: Sequence[str] = ()
) -> tuple[pq.FileMetaData, pa.Table]:
    """Return a part's footer and some of its columns; without `columns`, a table of no columns.

    A part that looks damaged is read again, because a response that was cut short looks the same.

    Raises:
        FileNotFoundError: there is no part of this name.
        pa.ArrowInvalid: the file is not a part, or is damaged.
    """

    def read() -> tuple[pq.FileMetaData, pa.Table]:
        try:
            with folder.fs.open(f"{folder.path}/{name}", "rb") as file:
                part = pq.ParquetFile(file, pre_buffer=True)
                rows = part.read(list(columns), use_threads=False) if columns else pa.table({})
                return part.metadata, rows.replace_schema_metadata(None)
        except pa.ArrowInvalid as error:
            raise OSError(str(error)) from error

    request = Request("reading", f"{folder.uri}/{name}", folder.storage, folder.side)
    with damage_is_invalid():
        return patiently(read, request, folder.patience)
