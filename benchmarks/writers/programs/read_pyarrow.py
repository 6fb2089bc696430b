"""pyarrow reads files: its types and values. INT96 is read as microseconds."""

from collections.abc import Sequence

import pyarrow
import pyarrow.parquet
from reading import Column, answer, same


def read(path: str, rows: Sequence[int] | None) -> list[Column]:
    """Return the columns of a file, or these rows of it."""
    table = pyarrow.parquet.ParquetFile(path, coerce_int96_timestamp_unit="us").read()
    # pyarrow cannot take single values of all types
    chosen = table if rows is None else pyarrow.concat_tables(table.slice(row, 1) for row in rows)
    return [
        Column(field.name, str(field), column.combine_chunks())
        for field, column in zip(table.schema, chosen.columns, strict=True)
    ]


def equal(one: pyarrow.Array, other: pyarrow.Array) -> bool:
    """Return True if two columns have the same values. NaN is equal to NaN."""
    return bool(one.equals(other)) or same(one.to_pylist(), other.to_pylist())


def joined(parts: list[pyarrow.Array]) -> pyarrow.Array:
    """Join the values of several columns, one after the other."""
    return parts[0] if len(parts) == 1 else pyarrow.concat_arrays(parts)


if __name__ == "__main__":
    answer(read, equal, joined)
