"""Find timestamps, stored as INT96, that microseconds do not hold.

INT96 is twelve bytes: the nanoseconds of the day, and the Julian day. pyarrow reads it here as
microseconds, and cuts off further digits without an error.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.bare import bare, prune
from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.schema import columns

_STORED = np.dtype([("nanoseconds", "<u8"), ("day", "<u4")])
JULIAN_DAY_OF_1970 = 2_440_588
DAY_NS = 86_400 * 10**9
# Days before and after 1970 whose microseconds 64 bits hold.
MOST_DAYS = (2**63 - 1) // (DAY_NS // 1000) - 2


def misread_columns(
    file: BinaryIO, metadata: pq.FileMetaData, names: Sequence[str]
) -> dict[str, str]:
    """Return the columns with INT96 values that microseconds do not hold.

    Args:
        file: the open file; only its INT96 columns are read.
        metadata: the metadata that pyarrow reads the file with.
        names: names of the columns, or fields of structs, to check.

    Returns:
        For each column found, by name, the reason and a remedy.

    Raises:
        ArrowException: a column cannot be read.
    """
    if not names:
        return {}
    stored = [metadata.schema.column(i) for i in range(len(metadata.schema))]
    paths = [column.path for column in stored if column.physical_type == "INT96"]
    misread = {}
    for name in names:
        own = [path for path in paths if f"{path}.".startswith(f"{name}.")]
        example = (
            next(filter(None, map(_misread, _stored_values(file, own))), None) if own else None
        )
        if example:
            misread[name] = (
                f"is INT96, which is read as microseconds, and they do not hold {example}; write "
                "it with another type (in DuckDB, which cuts off what is below a microsecond: "
                "COPY (FROM 'old.parquet') TO 'new.parquet'), or do without the column"
            )
    return misread


def _stored_values(file: BinaryIO, paths: Sequence[str]) -> Iterator[pa.Array]:
    """Yield the values of INT96 columns, twelve bytes each, without nulls."""
    footer = StoredFooter.read(file)
    others = {
        column.path[0]
        for column in columns(footer.elements)
        if not any(".".join(leaf.path) in paths for leaf in column.leaves())
    }
    metadata = bare(prune(footer, others)).metadata()
    for batch in pq.ParquetFile(file, metadata=metadata).iter_batches(columns=list(paths)):
        for column in batch.columns:
            yield from _leaves(column)


def _leaves(values: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_struct(values.type):
        for field in values.flatten():
            yield from _leaves(field)
    elif pa.types.is_map(values.type):
        yield from _leaves(values.keys)
        yield from _leaves(values.items)
    elif pa.types.is_list(values.type):
        yield from _leaves(values.flatten())
    else:
        yield values.drop_null()


def _misread(values: pa.Array) -> str:
    """Return the first value that microseconds do not hold, as text; "" if they hold all."""
    data = np.frombuffer(values.buffers()[1] or b"", np.uint8)
    start = values.offset * _STORED.itemsize
    raw = data[start : start + len(values) * _STORED.itemsize].view(_STORED)
    days = raw["day"].astype(np.int64) - JULIAN_DAY_OF_1970
    nanoseconds = raw["nanoseconds"]
    wrong = (nanoseconds % 1000 != 0) | (nanoseconds >= 2 * DAY_NS) | (np.abs(days) > MOST_DAYS)
    if not wrong.any():
        return ""
    first = int(np.flatnonzero(wrong)[0])
    seconds, digits = divmod(int(nanoseconds[first]), 10**9)
    moment = np.datetime64(int(days[first]), "D").astype("datetime64[s]")
    return f"{moment + np.timedelta64(seconds, 's')}.{digits:09d}"
