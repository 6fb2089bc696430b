"""Decode row groups of a planned file in order, or say why they cannot be read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import places, values_of
from rm_ray.corpus.files import file_version, then_and_now
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import (
    STREAMED_BYTES,
    Unreadable,
    is_bad_file,
    open_file,
    open_parquet,
    open_source,
)
from rm_ray.corpus.sizes import exceeding
from rm_ray.corpus.tables.fields import Names, by_table_names, stored_names
from rm_ray.corpus.windows import AtOnce, decoded, growing, mean_rows, windows
from rm_ray.errors import short
from rm_ray.parquet.sizes import as_dictionaries, leaves_below, may_repeat, repeated_leaves
from rm_ray.parquet.source import ParquetSource
from rm_ray.store.access import Request, explained, lacks_credentials
from rm_ray.store.retry import Patience, Tries, may_pass

Result = TypeVar("Result")

# Most bytes that are decoded at once, unless the caller gives another number.
DECODE_BYTES = 32 << 20
# Repeated values do not matter if they take less than this share of the bytes decoded at once.
LEAST_SHARE = 1 / 16


@dataclass(frozen=True)
class OpenGroups:
    """OpenGroups holds an open file whose row groups are decoded."""

    parquet: pq.ParquetFile
    """The file as pyarrow reads it."""
    again: Callable[[], AbstractContextManager[BinaryIO]]
    """Opens the file once more, to read it in another way."""


class Versioned(Protocol):
    """A Versioned names an input file as it was when it was planned."""

    @property
    def file(self) -> str:
        """Return the path of the file."""

    @property
    def size(self) -> int | None:
        """Return the file's size in bytes when it was planned; None where no check is needed."""

    @property
    def version(self) -> str | None:
        """Return the file's version when it was planned; None where no check is needed."""


class RowGroups(Versioned, Protocol):
    """RowGroups names a run of row groups of one file."""

    @property
    def first_group(self) -> int:
        """Return the number of the first row group."""

    @property
    def stop_group(self) -> int:
        """Return the number of the row group after the last one."""

    @property
    def first_row(self) -> int:
        """Return the number, in the file, of the first row."""

    @property
    def names(self) -> Names:
        """Return the names that the file has for the columns of its table, where they differ."""


def decode(
    groups: RowGroups,
    config: CorpusConfig,
    columns: Sequence[str],
    rows_at_once: Callable[[Sequence[Any]], int],
    bytes_at_once: int = DECODE_BYTES,
) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows in order, in batches, each with the number of its first row.

    Args:
        groups: the row groups to decode.
        config: the configuration of the corpus.
        columns: names of the columns to read; columns that the file lacks are left out, but
            columns that its table has are null.
        rows_at_once: returns the most rows of a batch, given the metadata of the row groups.
        bytes_at_once: the most bytes of a batch, unless it is a single row.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file does not exist.
    """
    stored = stored_names(groups.names, columns)
    with (
        _reading(groups, config) as span,
        open_parquet(groups.file, config.storage, span, stored) as parquet,
    ):
        rows = rows_at_once([parquet.metadata.row_group(group) for group in span])
        present = [name for name in stored if places(parquet.schema_arrow, name)]
        file = OpenGroups(parquet, partial(open_file, groups.file, config.storage))
        at_once = AtOnce(rows, bytes_at_once)
        found = batches(file, span, first_row=groups.first_row, at_once=at_once, columns=present)
        for first, batch in found:
            yield first, by_table_names(batch, groups.names, columns)


@contextmanager
def opened(groups: RowGroups, config: CorpusConfig) -> Iterator[tuple[OpenGroups, ParquetSource]]:
    """Open the file for copying its row groups; errors in the block are errors of reading it.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file does not exist.
    """
    with (
        _reading(groups, config) as span,
        open_source(groups.file, config.storage, span) as (parquet, source),
    ):
        yield OpenGroups(parquet, partial(open_file, groups.file, config.storage)), source


def batches(
    file: OpenGroups,
    span: range,
    first_row: int,
    at_once: AtOnce,
    columns: Sequence[str] | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """Yield consecutive row groups in batches, each with the number of its first row.

    Columns with repeated values are read as dictionaries, since these are small. They are then
    decoded in windows of rows whose text is known to fit.

    Args:
        file: the open file.
        span: numbers of the row groups.
        first_row: number of the first row of the span.
        at_once: the largest size of a batch.
        columns: names of the columns; None for all.
    """
    parquet, metadata = file.parquet, file.parquet.metadata
    least = int(at_once.bytes * LEAST_SHARE)
    repeated = repeated_leaves(metadata, span, columns, least)
    leaves = leaves_below(metadata, columns)
    most = AtOnce(mean_rows(metadata, span, leaves, at_once), at_once.bytes)
    groups = [metadata.row_group(group) for group in span]
    if repeated:
        with file.again() as opened:
            repeated = exceeding(opened, metadata, groups=span, leaves=repeated, size=at_once.bytes)
    if not repeated:
        first = most_rows(groups, most.rows, most.bytes, partial(_stored_bytes, leaves=leaves))
        for batch in growing(parquet, span, first=first, most=most, columns=columns):
            yield first_row, pa.Table.from_batches([batch])
            first_row += len(batch)
        return
    size = sum(int(group.column(leaf).total_compressed_size) for group in groups for leaf in leaves)
    with file.again() as opened:
        coded = as_dictionaries(opened, metadata, repeated, whole=size <= STREAMED_BYTES)
        for group in span:  # a batch of nested columns cannot hold two dictionaries in pyarrow
            for batch in coded.iter_batches(most.rows, row_groups=[group], columns=columns):
                for window in windows(pa.Table.from_batches([batch]), at_once.bytes):
                    yield first_row, decoded(window, parquet.schema_arrow)
                    first_row += len(window)


def _stored_bytes(group: Any, leaves: Sequence[int]) -> int:
    return sum(int(group.column(leaf).total_uncompressed_size) for leaf in leaves)


@contextmanager
def _reading(groups: RowGroups, config: CorpusConfig) -> Iterator[range]:
    """Give the numbers of the row groups; errors in the block are errors of reading these."""
    span = range(groups.first_group, groups.stop_group)
    where = f"{groups.file}, row groups {span.start} to {span.stop - 1}"
    with read_faults(groups, config, where):
        yield span


def most_rows(metadata: Sequence[Any], rows: int, size: int, bytes_of: Callable[[Any], int]) -> int:
    """Return how many rows to decode at once while only the footer is known.

    A dictionary stores a value once for many rows. So in a row group with a dictionary, each row
    may be as large as all stored bytes of the row group.

    Args:
        metadata: pyarrow's metadata of the row groups.
        rows: the most rows.
        size: the most bytes that the rows may take.
        bytes_of: returns the bytes that a row group stores, before compression.
    """
    total_rows = sum(group.num_rows for group in metadata)
    row = sum(map(bytes_of, metadata)) / max(1, total_rows)
    for group in metadata:
        if any(may_repeat(group.column(number)) for number in range(group.num_columns)):
            row = max(row, bytes_of(group))
    return max(1, min(rows, int(size / max(1.0, row))))


def read_again(read: Callable[[], Result], request: Request, patience: Patience) -> Result:
    """Call `read` and return its result; start again after each fault that may pass.

    A bad file is tried again too, since a truncated download looks like a bad file.

    Raises:
        Unreadable: after the last try.
    """
    tries = Tries(request, patience)
    while True:
        try:
            result = read()
        except Unreadable as error:
            if not error.may_pass:
                raise
            tries.failed(error, damaged=error.bad_file)
        else:
            tries.worked()
            return result


def columns_of(rows: pa.Table, names: Sequence[str], file: str) -> list[pa.ChunkedArray]:
    """Return columns of decoded rows; a name may be of a field of a struct.

    Args:
        rows: rows of the file.
        names: names of the columns.
        file: path of the file, for the error.

    Raises:
        Unreadable: the file has no such column.
    """
    columns = [values_of(rows, name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if column is None:
            raise Unreadable(f"{file} has no column {name!r}", bad_file=False, may_pass=False)
    return [column for column in columns if column is not None]


def check_unchanged(groups: Versioned, config: CorpusConfig) -> None:
    """Make sure that the file has not changed since it was planned.

    Raises:
        Unreadable: the file has changed.
        NotFound: the file does not exist.
    """
    if groups.version is None:
        return
    with read_faults(groups, config, groups.file):
        now = file_version(groups.file, config.storage)
    if now != (groups.size, groups.version):
        raise Unreadable(
            f"{groups.file} has changed since it was planned: "
            f"{then_and_now((groups.size, groups.version), now)}",
            bad_file=False,
            may_pass=False,
        )


@contextmanager
def read_faults(groups: Versioned, config: CorpusConfig, what: str) -> Iterator[None]:
    """Raise errors of reading as Unreadable, with the thing that was read and `may_pass`.

    Raises:
        Unreadable: the block raised an error.
        NotFound: the file does not exist.
    """
    try:
        yield
    except Unreadable:
        raise
    except FileNotFoundError as error:
        raise NotFound(groups.file, config.storage) from error
    except Exception as error:  # noqa: BLE001 - raised again as Unreadable
        bad_file = is_bad_file(error)
        # missing credentials may be there at the next try, expired ones never become valid again
        passes = may_pass(error) or lacks_credentials(error)
        explanation = explained(error, Request("reading", groups.file, config.storage, config.key))
        raise Unreadable(
            f"cannot read {what}: {short(explanation)}",
            bad_file=bad_file,
            may_pass=bad_file or passes,
        ) from explanation
