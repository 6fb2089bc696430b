"""Percentile ranks from counts: where a reward stands among all rewards of its run.

Ranks have 16 bits, so keys are told apart only as far as these need: cells with more than a
65,536th of the documents are looked into, eight bits at a time, and cells with fewer are joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rm_ray.counts.cells import Cells
from rm_ray.counts.order import Ints

# The rank of the best there can be; ranks are whole numbers, so that no mean of them depends on
# the order of adding.
BEST = (1 << 16) - 1
# Of each level, the bits of the key that its cells leave out.
SHIFTS = (16, 8, 0)


def count_keys(keys: Ints, opened: Sequence[Ints]) -> Cells:
    """Keys by their cells of the next level, those that are in open cells of the levels before.

    Args:
        opened: of each level so far, the cells that are open, ascending.
    """
    for shift, cells in zip(SHIFTS, opened, strict=False):
        keys = keys[np.isin(keys >> shift, cells)]
    none = np.zeros(len(keys), np.int64)
    return Cells.count(keys >> SHIFTS[len(opened)], none)


def crowded(cells: Cells, documents: int) -> Ints:
    """The cells with more documents than may share a rank."""
    return cells.cells[cells.documents > _share(documents)]


@dataclass(frozen=True)
class Ranks:
    """Of one run. `bounds`: the last key of each cell, best first; `ranks`: of the keys in it."""

    bounds: Ints
    ranks: Ints

    @classmethod
    def of(cls, levels: Sequence[Cells]) -> "Ranks":
        """From the cells of all levels, each with those that are looked into."""
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
        """The rank of each key in [0, BEST], the best the highest."""
        return self.ranks[np.searchsorted(self.bounds, keys)]


def _share(documents: int) -> int:
    return max(1, documents >> 16)
