"""Row groups of a file that was planned: decoded in order, or why they cannot be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import places
from rm_ray.corpus.files import file_version, then_and_now
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable, is_bad_file, open_parquet, open_source
from rm_ray.errors import short
from rm_ray.parquet.source import Source
from rm_ray.store.access import Request, explained, lacks_credentials
from rm_ray.store.retry import Patience, Tries, may_pass

Result = TypeVar("Result")


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
) -> Iterator[tuple[int, pa.Table]]:
    """The rows in order, batch by batch, with the number of each batch's first row.

    Args:
        columns: those that are not in the file are left out.
        rows_at_once: how many rows a batch should have, from the row groups' metadata.

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
        yield from batches(parquet, span, groups.first_row, rows, there)


@contextmanager
def opened(groups: RowGroups, config: CorpusConfig) -> Iterator[tuple[pq.ParquetFile, Source]]:
    """The file, open for copying its row groups; faults inside are faults of reading.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file is not there.
    """
    with (
        _reading(groups, config) as span,
        open_source(groups.file, config.storage, span) as (parquet, source),
    ):
        yield parquet, source


def batches(
    parquet: pq.ParquetFile,
    span: range,
    first_row: int,
    rows: int,
    columns: Sequence[str] | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """Row groups that follow one another, in batches of so many rows, with the number of each
    batch's first row; `first_row` is that of the span.
    """
    for batch in parquet.iter_batches(rows, row_groups=list(span), columns=columns):
        yield first_row, pa.Table.from_batches([batch])
        first_row += len(batch)


@contextmanager
def _reading(groups: RowGroups, config: CorpusConfig) -> Iterator[range]:
    """The numbers of the row groups; faults inside are faults of reading them."""
    span = range(groups.first_group, groups.stop_group)
    where = f"{groups.file}, row groups {span.start} to {span.stop - 1}"
    with _read_faults(groups, config, where):
        yield span


def most_rows(metadata: Sequence[Any], rows: int, size: int, bytes_of: Callable[[Any], int]) -> int:
    """Rows to decode at once: at most so many, and about so many bytes, of which a row group has
    `bytes_of` it.
    """
    there = sum(group.num_rows for group in metadata)
    per_row = sum(map(bytes_of, metadata)) / max(1, there)
    return max(1, min(rows, int(size / max(1.0, per_row))))


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
