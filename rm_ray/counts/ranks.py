"""Percentile ranks from counts: the position of a reward among all rewards of its run.

Ranks have 16 bits, so keys are told apart only as far as ranks differ: cells with more than a
65,536th of the documents are opened, eight bits at a time, and cells with fewer are joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rm_ray.counts.cells import Cells
from rm_ray.counts.order import Ints

# The best possible rank. Ranks are whole numbers, so a mean of ranks does not depend on the order
# of adding.
BEST = (1 << 16) - 1
# Lower bits of the key that the cells of each level leave out.
SHIFTS = (16, 8, 0)


def count_keys(keys: Ints, opened: Sequence[Ints]) -> Cells:
    """Count the keys in open cells, by the cells of the next level.

    Args:
        keys: keys of rewards.
        opened: the open cells of each level so far, ascending.
    """
    for shift, cells in zip(SHIFTS, opened, strict=False):
        keys = keys[np.isin(keys >> shift, cells)]
    none = np.zeros(len(keys), np.int64)
    return Cells.count(keys >> SHIFTS[len(opened)], none)


def crowded(cells: Cells, documents: int) -> Ints:
    """Return the cells with more documents than may share a rank."""
    return cells.cells[cells.documents > _share(documents)]


@dataclass(frozen=True)
class Ranks:
    """Holds the percentile ranks of one run's rewards, by cell."""

    bounds: Ints
    """The last key of each cell, best first."""
    ranks: Ints
    """The rank of the keys in each cell."""

    @classmethod
    def of(cls, levels: Sequence[Cells]) -> "Ranks":
        """Make ranks from the counted cells of each level, with the cells that were opened."""
        documents = int(levels[0].documents.sum())
        bounds, counts = [], []
        for shift, cells in zip(SHIFTS, levels, strict=True):
            last = ((cells.cells + 1) << shift) - 1
            leaf = np.ones(len(last), bool)
            if shift:
                leaf = cells.documents <= _share(documents)
            bounds.append(last[leaf])
            counts.append(cells.documents[leaf])
        order = np.argsort(np.concatenate(bounds))
        last, count = np.concatenate(bounds)[order], np.concatenate(counts)[order]
        before = np.cumsum(count) - count
        joined, alone = before // _share(documents), count > _share(documents)
        apart = (joined[1:] != joined[:-1]) | alone[1:] | alone[:-1]
        ends = np.flatnonzero(np.append(apart, True))[: len(last)]
        after = (before + count)[ends]
        before = np.concatenate([[0], after[:-1]])[: len(ends)]
        # twice the midrank, counted from the worst
        twice = 2 * documents - before - after
        return cls(last[ends], twice * BEST // max(1, 2 * documents))

    def of_keys(self, keys: Ints) -> Ints:
        """Return the rank of each key, from 0 to BEST: the better the key, the higher the rank."""
        return self.ranks[np.searchsorted(self.bounds, keys)]


def _share(documents: int) -> int:
    """Return how many of a run's documents may share a rank: a 65,536th, at least 1."""
    return max(1, documents >> 16)
