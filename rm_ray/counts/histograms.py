"""Histograms of rewards by group, in cells of twenty bits: mergeable, and 1/4096 of a value wide.

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
    """By group: cells whose parents are groups."""

    bits: ClassVar[int] = BITS

    @classmethod
    def of(cls, groups: Ints, rewards: Floats, tokens: Ints) -> "Histograms":
        """Of documents, given by the numbers of their groups, their rewards and tokens."""
        return cls.count((groups << BITS) | (best_first(rewards) >> _SHIFT), tokens)

    def of_group(self, group: int) -> "Histogram":
        """One group's."""
        span = self.within(group)
        cells = self.cells[span] & ((1 << BITS) - 1)
        return Histogram(cells, self.documents[span], self.tokens[span])


@dataclass(frozen=True)
class Histogram:
    """Of one group. `cells` ascending, so from the highest reward down, each once."""

    cells: Ints
    documents: Ints
    tokens: Ints

    @classmethod
    def pool(cls, many: Sequence["Histogram"]) -> "Histogram":
        """The sum."""
        none = Cells.merge([])
        found = Cells.merge([none, *(Cells(one.cells, one.documents, one.tokens) for one in many)])
        return cls(found.cells, found.documents, found.tokens)

    @property
    def size(self) -> int:
        """How many documents it has."""
        return int(self.documents.sum())

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The middle of each cell."""
        middles = (self.cells << _SHIFT) + (1 << (_SHIFT - 1))
        return rewards_of(middles).astype(np.float64)

    def least_kept(self, at: Ints | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The thresholds that keep all of the first cells, up to these: the least reward in each,
        exactly.
        """
        return rewards_of(((self.cells[at] + 1) << _SHIFT) - 1).astype(np.float64)

    def quantiles(self, shares: Sequence[float]) -> npt.NDArray[np.float64]:
        """The least values, by cell, that so many of the documents are not above."""
        running = np.cumsum(self.documents[::-1])
        wanted = np.maximum(1, np.ceil(np.asarray(shares) * running[-1] - 1e-9))
        found: npt.NDArray[np.float64] = self.values[::-1][np.searchsorted(running, wanted)]
        return found

    def below(self, edges: Sequence[float]) -> npt.NDArray[np.int64]:
        """How many documents are below each edge, by the middle of their cells."""
        running = np.concatenate([[0], np.cumsum(self.documents[::-1])])
        found: npt.NDArray[np.int64] = running[np.searchsorted(self.values[::-1], edges)]
        return found
