"""Open Parquet files, and tell a bad file from a fault of the store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.parquet.readable import readable
from rm_ray.parquet.source import ParquetSource
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.retry import is_bare

# Row groups of more bytes are streamed instead of fetched whole.
STREAMED_BYTES = 64 << 20
# Bytes of the buffer through which large row groups are streamed.
BUFFER_BYTES = 4 << 20


class Unreadable(OSError):
    """An Unreadable says that a file, or a part of it, cannot be read."""

    def __init__(self, message: str, *, bad_file: bool, may_pass: bool = True) -> None:
        """Make the error.

        Args:
            message: the text of the error.
            bad_file: True if the file itself is at fault, not the store or the network.
            may_pass: True if trying again may help; a truncated download makes a good file look
                bad.
        """
        super().__init__(message)
        self.bad_file = bad_file
        self.may_pass = may_pass

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(Unreadable, bad_file=self.bad_file, may_pass=self.may_pass)
        return make, (str(self),)


def is_bad_file(error: Exception) -> bool:
    """Return True if an error of reading is a fault of the file, not of the store.

    Arrow raises ArrowInvalid, or a bare OSError without a number; an OSError of a store has one.
    """
    if isinstance(error, MemoryError):  # Arrow's memory error is an ArrowException too
        return False
    return isinstance(error, pa.ArrowException) or is_bare(error)


@contextmanager
def open_file(path: str, storage: StorageConfig) -> Iterator[BinaryIO]:
    """Open a file of any store for reading ranges of it."""
    fs = open_filesystem(path, storage)
    # Arrow asks for large ranges itself: a read-ahead cache would fetch them twice
    options = {} if "file" in fs.protocol else {"cache_type": "none"}
    with fs.open(path, "rb", **options) as file:
        yield file


@contextmanager
def open_parquet(
    path: str, storage: StorageConfig, groups: range | None = None, columns: Sequence[str] = ()
) -> Iterator[pq.ParquetFile]:
    """Open a file for reading these columns of these row groups.

    Columns that pyarrow cannot read are not in the schema of the result.
    """
    with open_file(path, storage) as file:
        metadata, _ = readable(file)
        chosen = [metadata.row_group(group) for group in groups or ()]
        size = sum(
            column_bytes(group, name, compressed=True) for group in chosen for name in columns
        )
        yield as_parquet(file, metadata, size)


@contextmanager
def open_source(
    path: str, storage: StorageConfig, groups: range | None = None
) -> Iterator[tuple[pq.ParquetFile, ParquetSource]]:
    """Open a file for copying rows of these row groups: all columns, as physical values."""
    with open_file(path, storage) as file:
        source = ParquetSource.of(file)
        chosen = [source.metadata.row_group(group) for group in groups or ()]
        yield as_parquet(file, source.metadata, sum(map(compressed_bytes, chosen))), source


def as_parquet(file: BinaryIO, metadata: pq.FileMetaData, size: int) -> pq.ParquetFile:
    """Open a file with pyarrow, and verify the pages that have checksums.

    Small ranges are fetched together. Large ranges are streamed through a buffer, so that memory
    does not grow with the file.

    Args:
        file: the open file.
        metadata: the metadata that pyarrow reads the file with.
        size: bytes that will be read.
    """
    whole = size <= STREAMED_BYTES
    return pq.ParquetFile(
        file,
        metadata=metadata,
        pre_buffer=whole,
        buffer_size=0 if whole else BUFFER_BYTES,
        # 64 bits of nanoseconds span only six centuries; dates beyond would be read wrong
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )


def column_bytes(group: Any, name: str, *, compressed: bool = False) -> int:
    """Return the bytes that a column takes in a row group, as encoded."""
    size = "total_compressed_size" if compressed else "total_uncompressed_size"
    return sum(int(getattr(column, size)) for column in _columns(group, name))


def compressed_bytes(group: Any) -> int:
    """Return the bytes that a row group takes in its file."""
    return sum(int(group.column(i).total_compressed_size) for i in range(group.num_columns))


def _columns(group: Any, name: str) -> Iterator[Any]:
    """Yield the Parquet columns of a column: a nested column has many, all below its name."""
    columns = (group.column(i) for i in range(group.num_columns))
    return (c for c in columns if f"{c.path_in_schema}.".startswith(f"{name}."))
