"""Choose rows by a table that names them: Parquet with a column of files and one of rows.

A third column may say from which chunk on a document is judged. Only the footers of the table are
held in memory, and the rows of one file at a time.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig, InputConfig, RowsTableConfig
from rm_ray.corpus.columns import as_plain, is_text
from rm_ray.corpus.files import list_files
from rm_ray.corpus.parquet import Unreadable, is_bad_file, open_file
from rm_ray.corpus.sample import RowSample
from rm_ray.errors import InputError, short

# The columns of a table that has them as an output has.
SOURCE_ROWS = RowsTableConfig()
# Files of the corpus whose rows a process keeps at a time.
_FILES_KEPT = 4
# Bytes of a table's file that are hashed at once.
_HASHED_BYTES = 1 << 20
# A place in a table: a file of the table, and the number of a row group.
Place = tuple[str, int]


@dataclass(frozen=True)
class NamedRows:
    """NamedRows are the rows of one corpus file that a table names."""

    rows: npt.NDArray[np.int64]
    """Their numbers in the file, ascending, each once."""
    firsts: npt.NDArray[np.int64] | None
    """The chunk from which on each document is judged; None to judge all chunks."""


@dataclass(frozen=True)
class RowTable:
    """A RowTable names the rows of a corpus to read; it is small, and can be sent to tasks."""

    path: str | tuple[str, ...]
    """File, folder or glob of the table's Parquet files, or several of them."""
    asked: RowsTableConfig = SOURCE_ROWS
    """Names of its columns, and how its store is reached."""

    def count(self, file: str, start: int, stop: int) -> int:
        """Return how many rows in [start, stop) of a file the table names."""
        return len(self.chosen(file, start, stop))

    def share(self, file: str, start: int, stop: int) -> float:
        """Return which share of the rows in [start, stop) of a file the table names."""
        return self.count(file, start, stop) / max(1, stop - start)

    def chosen(self, file: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the rows in [start, stop) that the table names, ascending."""
        rows = _named(self, file).rows
        first, last = np.searchsorted(rows, [start, stop])
        return rows[first:last]

    def firsts(self, file: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """Return the chunk from which on each of these documents is judged; None for all."""
        named = _named(self, file)
        return None if named.firsts is None else named.firsts[np.searchsorted(named.rows, rows)]

    def check(self, rows: Mapping[str, int]) -> None:
        """Check that the corpus has each row that the table names.

        Args:
            rows: the rows of each file of the corpus, by path.

        Raises:
            InputError: the corpus lacks a file or a row; or the table cannot be read.
        """
        try:
            for file in _places(self):
                if file not in rows:
                    raise InputError(
                        f"input.rows: {self.path} names rows of {file}, and input.path has no such "
                        "file; a table names files as the column source_file of an output does"
                    )
                named = _named(self, file).rows
                if len(named) and not 0 <= named[0] <= named[-1] < rows[file]:
                    wrong = named[0] if named[0] < 0 else named[-1]
                    raise InputError(
                        f"input.rows: {self.path} names row {wrong} of {file}, which has "
                        f"{rows[file]:,} rows, counted from 0"
                    )
        except Unreadable as error:
            raise InputError(f"input.rows: {short(error)}") from None

    def digest(self) -> str:
        """Return a hash of the table's files, by content.

        Raises:
            InputError: the table cannot be read.
        """
        hashed = hashlib.sha256()
        try:
            for path in _table_files(self):
                with _reading(path), open_file(path, self.asked.storage) as file:
                    while data := file.read(_HASHED_BYTES):
                        hashed.update(data)
        except Unreadable as error:
            raise InputError(f"input.rows: {short(error)}") from None
        return f"sha256:{hashed.hexdigest()[:32]}"


def rows_of(config: InputConfig) -> RowSample | RowTable:
    """Return the choice of rows that a configuration asks for."""
    if config.rows:
        return RowTable(config.rows, config.rows_table)
    return RowSample(config.sample_fraction, config.sample_seed, config.sample_skip)


def rows_fingerprint(config: InputConfig) -> dict[str, Any]:
    """Return the settings that the choice of rows depends on, by key.

    Raises:
        InputError: a table of rows cannot be read.
    """
    sampled = config.sample_fraction < 1 or config.sample_skip
    chosen = rows_of(config)
    return {
        "input.sample_fraction": config.sample_fraction,
        "input.sample_seed": config.sample_seed if sampled else None,
        **({"input.sample_skip": config.sample_skip} if config.sample_skip else {}),
        **({"input.rows": chosen.digest()} if isinstance(chosen, RowTable) else {}),
    }


class _TableOfRows(CorpusConfig):
    """The files of a table of rows."""

    key: ClassVar = "input.rows"


@lru_cache(maxsize=8)
def _table_files(table: RowTable) -> list[str]:
    """List the files of a table."""
    paths = [table.path] if isinstance(table.path, str) else list(table.path)
    listed = list_files(_TableOfRows(path=paths, storage=table.asked.storage))
    return [file.path for file in listed.files]


@lru_cache(maxsize=8)
def _places(table: RowTable) -> dict[str, tuple[Place, ...]]:
    """Return where a table has the rows of each corpus file, by the file's path."""
    places: dict[str, list[Place]] = defaultdict(list)
    for path in _table_files(table):
        with _reading(path), open_file(path, table.asked.storage) as opened:
            part = pq.ParquetFile(opened)
            _check_columns(path, part.schema_arrow, table.asked)
            for group in range(part.num_row_groups):
                files = as_plain(part.read_row_group(group, [table.asked.file]).column(0))
                for file in pc.unique(files).to_pylist():
                    places[file].append((path, group))
    return {file: tuple(of_file) for file, of_file in places.items()}


def _check_columns(path: str, schema: pa.Schema, asked: RowsTableConfig) -> None:
    kinds = dict(zip(schema.names, schema.types, strict=True))
    text = kinds.get(asked.file)
    if text is None or not is_text(text):
        raise _bad(path, f"has no column {asked.file} of texts")
    for name in (asked.row, *({asked.first_chunk} & kinds.keys())):
        if not pa.types.is_integer(kinds.get(name, pa.null())):
            raise _bad(path, f"has no column {name} of whole numbers")


@lru_cache(maxsize=_FILES_KEPT)
def _named(table: RowTable, file: str) -> NamedRows:
    """Read the rows of a corpus file that a table names."""
    read = [_read(table, path, group, file) for path, group in _places(table).get(file, ())]
    if not read:
        return NamedRows(np.empty(0, np.int64), None)
    rows = pa.concat_tables(read)
    asked = table.asked
    if asked.first_chunk not in rows.column_names:
        return NamedRows(np.unique(rows.column(asked.row).to_numpy()), None)
    # of a document that is named twice, the earlier chunk counts
    rows = rows.sort_by([(asked.row, "ascending"), (asked.first_chunk, "ascending")])
    numbers, at = np.unique(rows.column(asked.row).to_numpy(), return_index=True)
    return NamedRows(numbers, rows.column(asked.first_chunk).to_numpy()[at])


def _read(table: RowTable, path: str, group: int, file: str) -> pa.Table:
    asked = table.asked
    with _reading(path), open_file(path, asked.storage) as opened:
        part = pq.ParquetFile(opened)
        more = [asked.first_chunk] if asked.first_chunk in part.schema_arrow.names else []
        rows = part.read_row_group(group, [asked.file, asked.row, *more])
    is_of_file = pc.equal(as_plain(rows.column(asked.file)), file)
    rows = rows.select([asked.row, *more]).filter(is_of_file)
    if rows.column(asked.row).null_count:
        raise _bad(path, f"has a null in the column {asked.row}")
    names = [asked.row, *more]
    numbers = {name: pc.fill_null(rows.column(name).cast(pa.int64()), 0) for name in names}
    return pa.table(numbers)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn errors of reading a table's file into Unreadable.

    Raises:
        Unreadable: the file cannot be read; a fault of a store may pass.
    """
    try:
        yield
    except Unreadable:
        raise
    except (pa.ArrowException, OSError) as error:
        bad = is_bad_file(error)
        raise Unreadable(
            f"cannot read {path}: {short(error)}", bad_file=False, may_pass=not bad
        ) from error


def _bad(path: str, why: str) -> Unreadable:
    return Unreadable(f"{path} {why}", bad_file=False, may_pass=False)
