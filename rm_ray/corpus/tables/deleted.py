"""Keep the numbers of deleted rows beside the plan of a run, and leave these rows out.

A table says which rows of a file are deleted at one snapshot, and may forget it later. So each
planning stores the deleted rows of its files in a Parquet file of its own, `_rm_ray/deleted/`. It
has the columns of a table of rows (input.rows), and is read as one. The plan names the files.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import RowsTableConfig
from rm_ray.corpus.rows import RowTable
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.snapshot import NONE, Ints, Snapshot
from rm_ray.errors import InputError
from rm_ray.store.folder import Folder

# The folder of these files, in the run's own folder of files.
DELETED = "deleted"
# The key under which the notes of a segment of the plan name its snapshot.
NOTE = "table"
# Rows of a row group: reading the deleted rows of one file reads the row groups that have some.
GROUP_ROWS = 200_000


@dataclass(frozen=True)
class Deleted:
    """Deleted tells which rows of files a table has deleted. It is small, and is sent to tasks."""

    stored: RowTable | None = None
    """The rows that earlier plannings have stored; None if there are none."""
    new: Mapping[str, Ints] = field(default_factory=dict)
    """The rows that are not stored yet, by path; a file may have others among `stored`."""

    def __bool__(self) -> bool:
        """Return True if there may be deleted rows."""
        return self.stored is not None or bool(self.new)

    def rows(self, file: str, start: int, stop: int) -> Ints:
        """Return the numbers of the deleted rows in [start, stop) of a file, ascending."""
        rows = self.stored.chosen(file, start, stop) if self.stored else NONE
        if file not in self.new:
            return rows
        new = self.new[file]
        first, last = np.searchsorted(new, [start, stop])
        return np.union1d(rows, new[first:last])

    def left(self, file: str, start: int, stop: int) -> int:
        """Return how many rows in [start, stop) of a file are not deleted."""
        return stop - start - len(self.rows(file, start, stop))

    def stop_after(self, file: str, start: int, stop: int, most: int) -> int:
        """Return the end of a span from `start` on with at most `most` rows that are left.

        The span ends at `stop` at the latest.
        """
        if most <= 0:
            return start
        gone = self.rows(file, start, stop)
        if stop - start - len(gone) <= most:
            return stop
        rows = np.setdiff1d(np.arange(start, stop), gone, assume_unique=True)
        return int(rows[most]) if most < len(rows) else stop


NOTHING = Deleted()


@dataclass(frozen=True)
class Undeleted:
    """An Undeleted chooses the rows of a choice that are not deleted."""

    choice: RowSample | RowTable
    """The choice of rows."""
    deleted: Deleted
    """The deleted rows."""

    def count(self, file: str, start: int, stop: int) -> int:
        """Return how many rows in [start, stop) are chosen."""
        if not len(self.deleted.rows(file, start, stop)):
            return self.choice.count(file, start, stop)
        return len(self.chosen(file, start, stop))

    def share(self, file: str, start: int, stop: int) -> float:
        """Return about which share of the rows in [start, stop) is chosen."""
        gone = len(self.deleted.rows(file, start, stop)) / max(1, stop - start)
        return self.choice.share(file, start, stop) * (1 - gone)

    def chosen(self, file: str, start: int, stop: int) -> Ints:
        """Return the numbers of the chosen rows in [start, stop), ascending."""
        rows = self.choice.chosen(file, start, stop)
        gone = self.deleted.rows(file, start, stop)
        return rows[~np.isin(rows, gone)] if len(gone) else rows

    def firsts(self, file: str, rows: Ints) -> Ints | None:
        """Return the chunk from which on each of these documents is judged; None for all."""
        table = self.choice if isinstance(self.choice, RowTable) else None
        return table.firsts(file, rows) if table else None

    def check(self, rows: Mapping[str, int]) -> None:
        """Check that the corpus has each row that a table of rows names.

        Args:
            rows: the rows of each file of the corpus, by path.

        Raises:
            InputError: the corpus lacks a file or a row, or has deleted it.
        """
        if not isinstance(self.choice, RowTable):
            return
        self.choice.check(rows)
        for file, count in rows.items():
            named = self.choice.chosen(file, 0, count)
            if len(gone := named[np.isin(named, self.deleted.rows(file, 0, count))]):
                raise InputError(
                    f"input.rows: {self.choice.path} names row {gone[0]} of {file}, which the "
                    "table has deleted; leave such rows out, or give an --input.snapshot that has "
                    "them"
                )


def deleted_of(notes: Iterable[Mapping[str, Any]], state: Folder) -> Deleted:
    """Return the deleted rows that a run has stored.

    Args:
        notes: the notes of the plan's segments.
        state: the run's own folder of files.
    """
    names = [note[NOTE]["deleted"] for note in notes if note.get(NOTE, {}).get("deleted")]
    if not names:
        return NOTHING
    folder = state / DELETED
    return Deleted(_stored((f"{folder.uri}/{name}" for name in names), folder))


def with_new(before: Deleted, snapshot: Snapshot | None, spans: Iterable[Shard]) -> Deleted:
    """Return the deleted rows of a plan that gets new rows.

    Args:
        before: the deleted rows that are stored.
        snapshot: the snapshot that the new rows are of; None if the corpus is no table.
        spans: the new rows.
    """
    if snapshot is None:
        return before
    new = {}
    for span in spans:
        rows = snapshot.deleted.get(span.file, NONE)
        first, last = np.searchsorted(rows, [span.start, span.stop])
        if first < last:
            new[span.file] = rows[first:last]
    return replace(before, new=new)


def note_of(
    snapshot: Snapshot,
    deleted: Deleted,
    columns: Iterable[str] = (),
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the notes of a segment say of the snapshot that its files are of.

    Args:
        snapshot: the snapshot.
        deleted: the deleted rows.
        columns: names of the columns that the run reads.
        before: the note of the segment before. A column that is dropped keeps its identity there.
    """
    data = as_file(deleted.new)
    known = (before or {}).get("columns", {})
    now = snapshot.fields.identities(columns)
    note = {
        "kind": snapshot.kind,
        "address": snapshot.address,
        "snapshot": snapshot.id,
        "columns": {name: known.get(name) if one is None else one for name, one in now.items()},
    }
    return {NOTE: {**note, **({"deleted": name_of(data)} if data else {})}}


def store(deleted: Deleted, state: Folder) -> Deleted:
    """Store the rows that are not stored yet, and return all as stored.

    A file's name follows from its content, so the same rows are stored once.
    """
    data = as_file(deleted.new)
    if data is None:
        return deleted
    folder = state / DELETED
    folder.create(name_of(data), data)
    before = deleted.stored.path if deleted.stored else ()
    return Deleted(_stored([*before, f"{folder.uri}/{name_of(data)}"], folder))


def _stored(paths: Iterable[str], folder: Folder) -> RowTable:
    return RowTable(tuple(dict.fromkeys(paths)), RowsTableConfig(storage=folder.storage))


def name_of(data: bytes) -> str:
    """Return the name of a file, which follows from its content."""
    return f"deleted-{hashlib.sha256(data).hexdigest()[:16]}.parquet"


def as_file(rows: Mapping[str, Ints]) -> bytes | None:
    """Return the Parquet file of some deleted rows, by path; None if there are none."""
    asked, file = RowsTableConfig(), io.BytesIO()
    kinds = pa.schema(
        [(asked.file, pa.dictionary(pa.int32(), pa.string())), (asked.row, pa.int64())]
    )
    groups = list(_groups(rows, kinds))
    if not groups:
        return None
    with pq.ParquetWriter(
        file,
        pa.schema([(asked.file, pa.string()), (asked.row, pa.int64())]),
        compression="zstd",
        use_dictionary=[asked.file],
        column_encoding={asked.row: "DELTA_BINARY_PACKED"},
    ) as writer:
        for group in groups:
            writer.write_table(group.cast(writer.schema), row_group_size=len(group))
    return file.getvalue()


def _groups(rows: Mapping[str, Ints], kinds: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of whole files' rows, of about `GROUP_ROWS` rows each."""
    waiting: list[tuple[str, Ints]] = []
    for path in sorted(path for path, of_file in rows.items() if len(of_file)):
        waiting.append((path, rows[path]))
        if sum(len(of_file) for _, of_file in waiting) >= GROUP_ROWS:
            yield _table(waiting, kinds)
            waiting = []
    if waiting:
        yield _table(waiting, kinds)


def _table(files: Sequence[tuple[str, Ints]], kinds: pa.Schema) -> pa.Table:
    codes = np.repeat(np.arange(len(files), dtype=np.int32), [len(rows) for _, rows in files])
    paths = pa.DictionaryArray.from_arrays(codes, pa.array([path for path, _ in files]))
    return pa.table([paths, np.concatenate([rows for _, rows in files])], kinds)
