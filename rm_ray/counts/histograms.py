"""Histograms of rewards by group, mergeable, in cells of twenty bits. A cell is at most 1/2048 of
its value wide.

A cell is the upper 20 bits of a float32's ordered key: sign, exponent and eleven bits of the
fraction. Sixteen would be up to 0.06 standard deviations wrong for rewards of 5 +- 0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rm_ray.counts.cells import Cells
from rm_ray.counts.order import KEY_BITS, Floats, Ints, best_first, rewards_of

BITS = 20
_SHIFT = KEY_BITS - BITS


class Histograms(Cells):
    """Holds a histogram for each group: cells with groups as parents."""

    bits: ClassVar[int] = BITS

    @classmethod
    def of(cls, groups: Ints, rewards: Floats, tokens: Ints) -> "Histograms":
        """Count documents, given by the number of their group, their reward and their tokens."""
        return cls.count((groups << BITS) | (best_first(rewards) >> _SHIFT), tokens)

    def of_group(self, group: int) -> "Histogram":
        """Return the histogram of one group."""
        span = self.within(group)
        cells = self.cells[span] & ((1 << BITS) - 1)
        return Histogram(cells, self.documents[span], self.tokens[span])


@dataclass(frozen=True)
class Histogram:
    """Holds the histogram of one group, as columns of equal length."""

    cells: Ints
    """The cells, ascending (from the highest reward down), each once."""
    documents: Ints
    """How many documents are in each cell."""
    tokens: Ints
    """The sum of the documents' tokens in each cell."""

    @classmethod
    def pool(cls, many: Sequence["Histogram"]) -> "Histogram":
        """Return the sum."""
        none = Cells.merge([])
        cells = (Cells(part.cells, part.documents, part.tokens) for part in many)
        total = Cells.merge([none, *cells])
        return cls(total.cells, total.documents, total.tokens)

    @property
    def size(self) -> int:
        """Return the number of documents."""
        return int(self.documents.sum())

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Return the middle of each cell, as a reward."""
        middles = (self.cells << _SHIFT) + (1 << (_SHIFT - 1))
        return rewards_of(middles).astype(np.float64)

    def least_kept(self, at: Ints | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the thresholds that keep all cells from the first to each index in `at`. Each is
        exactly the least reward of its cell.
        """
        return rewards_of(((self.cells[at] + 1) << _SHIFT) - 1).astype(np.float64)

    def quantiles(self, shares: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return one reward per share: the lowest with at least this share of the documents at or
        below it. Rewards are the middles of cells.
        """
        running = np.cumsum(self.documents[::-1])
        counts = np.maximum(1, np.ceil(np.asarray(shares) * running[-1] - 1e-9))
        values: npt.NDArray[np.float64] = self.values[::-1][np.searchsorted(running, counts)]
        return values

    def below(self, edges: Sequence[float]) -> npt.NDArray[np.int64]:
        """Return how many documents are below each edge, by the middle of their cells."""
        running = np.concatenate([[0], np.cumsum(self.documents[::-1])])
        counts: npt.NDArray[np.int64] = running[np.searchsorted(self.values[::-1], edges)]
        return counts
