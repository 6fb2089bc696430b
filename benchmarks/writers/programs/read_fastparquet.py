"""fastparquet reads files: the dtypes and values that it gives pandas."""

from collections.abc import Sequence

import pandas
from fastparquet import ParquetFile
from reading import Column, answer


def read(path: str, rows: Sequence[int] | None) -> list[Column]:
    """Return the columns of a file, or these rows of it. Stored row labels are columns."""
    frame = ParquetFile(path).to_pandas()
    if not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    chosen = frame if rows is None else frame.iloc[list(rows)]
    return [
        Column(str(name), _type(frame.dtypes.iloc[number]), chosen.iloc[:, number].tolist())
        for number, name in enumerate(frame.columns)
    ]


def _type(dtype: object) -> str:
    """Name a dtype.

    For integers without nulls, fastparquet gives the dtype `int32` if statistics say that there are
    no nulls, else `Int32`. This function treats the two as one.
    """
    name = str(dtype)
    if name == "boolean":
        return "bool"
    return name.lower() if name.lower().startswith(("int", "uint")) else name


if __name__ == "__main__":
    answer(read)
