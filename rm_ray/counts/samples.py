"""A sample of rows that merges: those with the least hashes (bottom-k, Cohen and Kaplan 2007).

Uniform and without replacement, whatever the order in which the rows came.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

# What rows are drawn by; a column of each table.
HASH = "hash"


def bottom(rows: pa.Table, size: int, by: str = HASH) -> pa.Table:
    """The rows with the least numbers, ascending, at most so many."""
    numbers = rows.column(by).to_numpy()
    if len(numbers) > size:
        rows = rows.take(pa.array(np.sort(np.argpartition(numbers, size - 1)[:size])))
        numbers = rows.column(by).to_numpy()
    return rows.take(pa.array(np.argsort(numbers, kind="stable")))


def merge_bottom(many: Sequence[pa.Table], size: int, by: str = HASH) -> pa.Table:
    """Of all of them together; each is what `bottom` has left."""
    return bottom(pa.concat_tables(many).unify_dictionaries(), size, by)
