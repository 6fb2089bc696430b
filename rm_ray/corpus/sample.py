"""Choose rows by a seed: the same rows for any shards, any order and any machine."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rm_ray.counts.order import hash_rows


@dataclass(frozen=True)
class RowSample:
    """A row sample chooses rows by a seed, independent of shards, order and machine.

    Each row has a seeded number from 0 to 1. The rows from `skip` up to `fraction` are chosen, so
    that the sample (0, f) and the sample (f, 1) have each row once.
    """

    fraction: float
    """Share of the rows below which a row's number is chosen, from 0 to 1."""
    seed: int | str
    """Seed of the choice; another seed chooses other rows. Choices that must be independent of the
    sample of a corpus (`input.sample_seed`, a number) have texts as seeds.
    """
    skip: float = 0.0
    """Share of the rows from which on a row's number is chosen, from 0 to `fraction`."""

    def count(self, file: str, start: int, stop: int) -> int:
        """Return how many rows in [start, stop) are chosen."""
        return stop - start if self._is_all else len(self.chosen(file, start, stop))

    def share(self, file: str, start: int, stop: int) -> float:
        """Return about which share of the rows in [start, stop) is chosen, without counting."""
        del file, start, stop
        return self.fraction - self.skip

    def chosen(self, file: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the chosen rows in [start, stop), ascending."""
        rows = np.arange(start, stop, dtype=np.uint64)
        if self._is_all:
            return rows.astype(np.int64)
        hashed = hash_rows(self.seed, file, rows)
        taken = np.ones(len(rows), bool) if self.fraction >= 1 else hashed < _bound(self.fraction)
        if self.skip:
            taken &= hashed >= _bound(self.skip)
        return rows[taken].astype(np.int64)

    @property
    def _is_all(self) -> bool:
        return self.fraction >= 1 and not self.skip


def _bound(fraction: float) -> np.uint64:
    """Return the hash below which a fraction of all hashes lies."""
    return np.uint64(fraction * 2**64)
