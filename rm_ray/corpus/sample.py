"""Choose rows by a seed: the same rows for any shards, any order and any machine."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rm_ray.counts.order import hash_rows


@dataclass(frozen=True)
class RowSample:
    """A row sample chooses rows by a seed, independent of shards, order and machine."""

    fraction: float
    """Share of the rows that is chosen, from 0 to 1."""
    seed: int
    """Seed of the choice; another seed chooses other rows."""

    def count(self, file: str, start: int, stop: int) -> int:
        """Return how many rows in [start, stop) are chosen."""
        return stop - start if self.fraction >= 1 else len(self.chosen(file, start, stop))

    def chosen(self, file: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the chosen rows in [start, stop), ascending."""
        rows = np.arange(start, stop, dtype=np.uint64)
        if self.fraction >= 1:
            return rows.astype(np.int64)
        hashed = hash_rows(self.seed, file, rows)
        return (rows[hashed < np.uint64(self.fraction * 2**64)]).astype(np.int64)
