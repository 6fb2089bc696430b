"""Opening Parquet files, and telling a bad file from a store's fault."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.retry import is_bare

# Row groups of more than this are streamed instead of fetched whole.
STREAMED_BYTES = 64 << 20


BUFFER_BYTES = 4 << 20


class Unreadable(OSError):
    """A file, or some of it, cannot be read.

    `bad_file`: for what the file is, and not for what the store or the network did. `may_pass`:
    whether trying again may help; a body that was cut short makes a good file look bad.
    """

    def __init__(self, message: str, *, bad_file: bool, may_pass: bool = True) -> None:
        super().__init__(message)
        self.bad_file = bad_file
        self.may_pass = may_pass

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(Unreadable, bad_file=self.bad_file, may_pass=self.may_pass)
        return make, (str(self),)


def is_bad_file(error: Exception) -> bool:
    """Whether an error of reading tells of the file, and not of the store.

    Arrow raises ArrowInvalid, or a bare OSError without a number; those of stores have one.
    """
    if isinstance(error, MemoryError):  # Arrow's is an ArrowException too
        return False
    return isinstance(error, pa.ArrowException) or is_bare(error)


@contextmanager
def open_parquet(
    path: str,
    storage: StorageConfig,
    groups: range | None = None,
    columns: Sequence[str] | None = (),
) -> Iterator[pq.ParquetFile]:
    """The file opened for reading those row groups; ranges of small ones are fetched together.

    Large ones are streamed through a buffer, so that memory does not grow with the file.
    """
    fs = open_filesystem(path, storage)
    # Arrow asks for large ranges itself: a read-ahead cache would fetch them twice
    options = {} if "file" in fs.protocol else {"cache_type": "none"}
    with fs.open(path, "rb", **options) as file:
        metadata = pq.read_metadata(file)
        size = sum(
            compressed_bytes(metadata.row_group(group))
            if columns is None
            else sum(column_bytes(metadata.row_group(group), n, compressed=True) for n in columns)
            for group in groups or ()
        )
        whole = size <= STREAMED_BYTES
        yield pq.ParquetFile(
            file, metadata=metadata, pre_buffer=whole, buffer_size=0 if whole else BUFFER_BYTES,
            # a column among all is written again: as nanoseconds, years far off would be others
            coerce_int96_timestamp_unit="us" if columns is None else None,
        )  # fmt: skip


def column_bytes(group: Any, name: str, *, compressed: bool = False) -> int:
    """Bytes that a column takes in a row group, as encoded."""
    size = "total_compressed_size" if compressed else "total_uncompressed_size"
    return sum(int(getattr(column, size)) for column in _columns(group, name))


def compressed_bytes(group: Any) -> int:
    """Bytes that a row group takes in its file."""
    return sum(int(group.column(i).total_compressed_size) for i in range(group.num_columns))


def column_bounds(group: Any, name: str) -> list[int]:
    """The least and the greatest value of a column in a row group; nothing where it is not said."""
    said = [c.statistics for c in _columns(group, name) if c.statistics]
    return [value for one in said if one.has_min_max for value in (one.min, one.max)]


def _columns(group: Any, name: str) -> Iterator[Any]:
    """Those of Parquet's that a column is made of: a nested one has many, all below its name."""
    columns = (group.column(i) for i in range(group.num_columns))
    return (c for c in columns if f"{c.path_in_schema}.".startswith(f"{name}."))
