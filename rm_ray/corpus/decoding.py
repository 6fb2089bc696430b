"""Row groups of a file that was planned: decoded in order, or why they cannot be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import places
from rm_ray.corpus.files import file_version
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable, is_bad_file, open_parquet
from rm_ray.errors import short
from rm_ray.store.access import Request, explained
from rm_ray.store.retry import may_pass


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
    columns: Sequence[str] | None,
    rows_at_once: Callable[[Sequence[Any]], int],
) -> Iterator[tuple[int, pa.Table]]:
    """The rows in order, batch by batch, with the number of each batch's first row.

    Args:
        columns: those that are not in the file are left out; None for all.
        rows_at_once: how many rows a batch should have, from the row groups' metadata.

    Raises:
        Unreadable: the file cannot be read.
        NotFound: the file is not there.
    """
    span = range(groups.first_group, groups.stop_group)
    first = groups.first_row
    where = f"{groups.file}, row groups {span.start} to {span.stop - 1}"
    with (
        _read_faults(groups, config, where),
        open_parquet(groups.file, config.storage, span, columns) as parquet,
    ):
        stored = columns
        if columns is not None:
            stored = [name for name in columns if places(parquet.schema_arrow, name)]
        rows = rows_at_once([parquet.metadata.row_group(group) for group in span])
        for batch in parquet.iter_batches(rows, row_groups=list(span), columns=stored):
            yield first, pa.Table.from_batches([batch])
            first += len(batch)


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
            f"{groups.file} has changed since it was planned: {groups.size:,} bytes, version "
            f"{groups.version} then, {now[0]:,} bytes, version {now[1]} now",
            bad_file=False,
            may_pass=False,
        )


@contextmanager
def _read_faults(groups: RowGroups, config: CorpusConfig, what: str) -> Iterator[None]:
    """Says of faults of reading what they are of, and whether they may pass."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(groups.file, config.storage) from error
    except Exception as error:
        bad_file = is_bad_file(error)
        request = Request("reading", groups.file, config.storage, config.key)
        raise Unreadable(
            f"cannot read {what}: {short(explained(error, request))}",
            bad_file=bad_file,
            may_pass=bad_file or may_pass(error),  # expired credentials do not
        ) from error
