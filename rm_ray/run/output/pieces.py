"""Finds the failed rows of a shard, and cuts the rows between them into pieces."""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from rm_ray.corpus.shards import Piece, Shard


def failed_rows(table: pa.Table) -> dict[int, str]:
    """Return the errors of the rows whose `status` is failed, by row number."""
    rows = (table.column(name).to_pylist() for name in ("row", "status", "error"))
    return {row: error for row, status, error in zip(*rows, strict=True) if status == "failed"}


def stretches_between(span: Shard, table: pa.Table) -> tuple[list[Piece], list[pa.Table]]:
    """Return the pieces of `span` between its failed rows, and the rows of each piece."""
    pieces, stretches = [], []
    numbers = table.column("row").to_numpy()
    for before, after in pairwise([span.start - 1, *failed_rows(table), span.stop]):
        if before + 1 < after:
            first, last = np.searchsorted(numbers, (before + 1, after)).tolist()
            pieces.append(Piece(span.file, before + 1, after))
            stretches.append(table.slice(first, last - first).combine_chunks())
    return pieces, stretches
