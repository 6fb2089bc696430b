"""Row groups of a file that was planned: decoded in order, or why they cannot be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import places
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
from rm_ray.corpus.windows import AtOnce, decoded, growing, mean_rows, windows
from rm_ray.errors import short
from rm_ray.parquet.sizes import as_dictionaries, leaves_below, may_repeat, repeated_leaves
from rm_ray.parquet.source import Source
from rm_ray.store.access import Request, explained, lacks_credentials
from rm_ray.store.retry import Patience, Tries, may_pass

Result = TypeVar("Result")

# Decoded at once, at most, unless the caller says how much.
DECODE_BYTES = 32 << 20
# Values that repeat do not matter where they take less than this share of what is decoded at once.
LEAST_SHARE = 1 / 16


@dataclass(frozen=True)
class OpenGroups:
    """An open file of which row groups are decoded."""

    parquet: pq.ParquetFile
    """The file as pyarrow reads it."""
    again: Callable[[], AbstractContextManager[BinaryIO]]
    """Opens it once more, to be read in another way."""


class RowGroups(Protocol):
    """Row groups [first_group, stop_group) of a file. `first_row`: number of their first row in it.
    `size` and `version`: the file's when it was planned; None where nobody minds.
    """

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def first_group(self) -> int: ...  # noqa: D102
    @property
    def stop_group(self) -> int: ...  # noqa: D102
    @property
    def first_row(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def version(self) -> str | None: ...  # noqa: D102


def decode(
    groups: RowGroups,
    config: CorpusConfig,
    columns: Sequence[str],
    rows_at_once: Callable[[Sequence[Any]], int],
    bytes_at_once: int = DECODE_BYTES,
) -> Iterator[tuple[int, pa.Table]]:
    """The rows in order, batch by batch, with the number of each batch's first row.

    Args:
        columns: those that are not in the file are left out.
        rows_at_once: how many rows a batch may have, from the row groups' metadata.
        bytes_at_once: how many bytes a batch of more than one row may have.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file is not there.
    """
    with (
        _reading(groups, config) as span,
        open_parquet(groups.file, config.storage, span, columns) as parquet,
    ):
        rows = rows_at_once([parquet.metadata.row_group(group) for group in span])
        there = [name for name in columns if places(parquet.schema_arrow, name)]
        file = OpenGroups(parquet, partial(open_file, groups.file, config.storage))
        at_once = AtOnce(rows, bytes_at_once)
        yield from batches(file, span, first_row=groups.first_row, at_once=at_once, columns=there)


@contextmanager
def opened(groups: RowGroups, config: CorpusConfig) -> Iterator[tuple[OpenGroups, Source]]:
    """The file, open for copying its row groups; faults inside are faults of reading.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file is not there.
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
    """Row groups that follow one another, in batches, with the number of each batch's first row.

    Columns whose values repeat are read as dictionaries, which are small, and decoded in windows of
    rows whose text is known to fit.

    Args:
        file: open.
        span: the numbers of the row groups.
        first_row: the number of the span's first row.
        at_once: how large a batch may be.
        columns: None for all.
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
        for group in span:  # in nested columns, pyarrow has no batch of two dictionaries
            for batch in coded.iter_batches(most.rows, row_groups=[group], columns=columns):
                for window in windows(pa.Table.from_batches([batch]), at_once.bytes):
                    yield first_row, decoded(window, parquet.schema_arrow)
                    first_row += len(window)


def _stored_bytes(group: Any, leaves: Sequence[int]) -> int:
    return sum(int(group.column(leaf).total_uncompressed_size) for leaf in leaves)


@contextmanager
def _reading(groups: RowGroups, config: CorpusConfig) -> Iterator[range]:
    """The numbers of the row groups; faults inside are faults of reading them."""
    span = range(groups.first_group, groups.stop_group)
    where = f"{groups.file}, row groups {span.start} to {span.stop - 1}"
    with _read_faults(groups, config, where):
        yield span


def most_rows(metadata: Sequence[Any], rows: int, size: int, bytes_of: Callable[[Any], int]) -> int:
    """Rows to decode at once while nothing but the footer is known of them.

    A dictionary stores a value once for many rows, so where a row group has one, each row may be as
    large as all that is stored of the row group.

    Args:
        metadata: pyarrow's metadata of the row groups.
        rows: how many at most.
        size: bytes that they may take.
        bytes_of: how many bytes a row group stores, before compression.
    """
    there = sum(group.num_rows for group in metadata)
    row = sum(map(bytes_of, metadata)) / max(1, there)
    for group in metadata:
        if any(may_repeat(group.column(number)) for number in range(group.num_columns)):
            row = max(row, bytes_of(group))
    return max(1, min(rows, int(size / max(1.0, row))))


def read_again(read: Callable[[], Result], request: Request, patience: Patience) -> Result:
    """What `read` returns, begun anew after each fault that may pass.

    A bad file is tried again too: a body that was cut short looks like one.

    Raises:
        Unreadable: after the last try.
    """
    tries = Tries(request, patience)
    while True:
        try:
            found = read()
        except Unreadable as error:
            if not error.may_pass:
                raise
            tries.failed(error, damaged=error.bad_file)
        else:
            tries.worked()
            return found


def check_unchanged(groups: RowGroups, config: CorpusConfig) -> None:
    """Make sure that the file is the one that was planned.

    Raises:
        Unreadable: it is not.
        NotFound: the file is not there.
    """
    if groups.version is None:
        return
    with _read_faults(groups, config, groups.file):
        now = file_version(groups.file, config.storage)
    if now != (groups.size, groups.version):
        raise Unreadable(
            f"{groups.file} has changed since it was planned: "
            f"{then_and_now((groups.size, groups.version), now)}",
            bad_file=False,
            may_pass=False,
        )


@contextmanager
def _read_faults(groups: RowGroups, config: CorpusConfig, what: str) -> Iterator[None]:
    """Says of faults of reading what they are of, and whether they may pass."""
    try:
        yield
    except Unreadable:
        raise
    except FileNotFoundError as error:
        raise NotFound(groups.file, config.storage) from error
    except Exception as error:  # noqa: BLE001 - raised as what it says
        bad_file = is_bad_file(error)
        passes = may_pass(error) or lacks_credentials(error)  # expired ones do not
        said = explained(error, Request("reading", groups.file, config.storage, config.key))
        raise Unreadable(
            f"cannot read {what}: {short(said)}", bad_file=bad_file, may_pass=bad_file or passes
        ) from said
