"""Mergeable samples of rows: the rows with the least hashes (bottom-k, Cohen and Kaplan 2007).

A sample is uniform and without replacement, and does not depend on the order of the rows.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

# The column of each table with the numbers that rows are drawn by.
HASH = "hash"


def bottom(rows: pa.Table, size: int, by: str = HASH) -> pa.Table:
    """Return the rows with the least numbers in the column `by`, ascending, at most `size` rows."""
    numbers = rows.column(by).to_numpy()
    if len(numbers) > size:
        rows = rows.take(pa.array(np.sort(np.argpartition(numbers, size - 1)[:size])))
        numbers = rows.column(by).to_numpy()
    return rows.take(pa.array(np.argsort(numbers, kind="stable")))


def merge_bottom(many: Sequence[pa.Table], size: int, by: str = HASH) -> pa.Table:
    """Return the bottom rows of all tables together. Each table is a result of `bottom`."""
    return bottom(pa.concat_tables(many).unify_dictionaries(), size, by)
