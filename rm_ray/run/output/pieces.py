"""The rows of a shard in which some failed: which these are, and the pieces between them."""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from rm_ray.corpus.shards import Piece, Shard


def failed_rows(table: pa.Table) -> dict[int, str]:
    """The numbers of the rows whose `status` is failed, with their errors."""
    rows = (table.column(name).to_pylist() for name in ("row", "status", "error"))
    return {row: error for row, status, error in zip(*rows, strict=True) if status == "failed"}


def stretches_between(span: Shard, table: pa.Table) -> tuple[list[Piece], list[pa.Table]]:
    """The pieces of `span` between its rows that failed, and the rows of each."""
    pieces, stretches = [], []
    numbers = table.column("row").to_numpy()
    for before, after in pairwise([span.start - 1, *failed_rows(table), span.stop]):
        if before + 1 < after:
            first, last = np.searchsorted(numbers, (before + 1, after)).tolist()
            pieces.append(Piece(span.file, before + 1, after))
            stretches.append(table.slice(first, last - first).combine_chunks())
    return pieces, stretches
