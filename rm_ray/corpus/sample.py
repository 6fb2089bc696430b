"""A seeded choice of rows: the same rows whatever the shards, the order or the machine."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RowSample:
    """A seeded choice of rows: the same rows whatever the shards, the order or the machine."""

    fraction: float
    seed: int

    def count(self, file: str, start: int, stop: int) -> int:
        """How many rows in [start, stop) are chosen."""
        return stop - start if self.fraction >= 1 else len(self.chosen(file, start, stop))

    def chosen(self, file: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        """The numbers of the chosen rows in [start, stop), ascending."""
        rows = np.arange(start, stop, dtype=np.uint64)
        if self.fraction >= 1:
            return rows.astype(np.int64)
        key = hashlib.sha256(f"{self.seed}\n{file}".encode()).digest()[:8]
        hashed = _mix(rows + np.uint64(int.from_bytes(key, "little")))
        return (rows[hashed < np.uint64(self.fraction * 2**64)]).astype(np.int64)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): well-mixed bits of each number."""
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
