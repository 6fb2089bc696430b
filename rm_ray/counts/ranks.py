"""Percentile ranks from counts: where a reward stands among all rewards of its run."""

from dataclasses import dataclass, field

import numpy as np

from rm_ray.counts.cells import DIGIT_BITS, Cells, cell_of
from rm_ray.counts.cuts import Search
from rm_ray.counts.order import KEY_BITS, Ints

# The rank of the best there can be; ranks are whole numbers, so that no mean of them depends on
# the order of adding.
BEST = (1 << 16) - 1

_LOW = (1 << DIGIT_BITS) - 1


def crowded(coarse: Cells) -> Search:
    """The cells of the keys' upper halves in which documents are too many to have one rank."""
    most = max(1, int(coarse.documents.sum()) >> 16)
    return Search((coarse.cells[coarse.documents > most],))


@dataclass(frozen=True)
class Ranks:
    """Of one run. `coarse`: all documents by the upper half of their keys; `fine`: those in
    crowded cells by the lower one too.
    """

    coarse: Cells
    fine: Cells
    open_cells: Ints = field(init=False)

    def __post_init__(self) -> None:
        (open_cells,) = crowded(self.coarse).levels
        object.__setattr__(self, "open_cells", open_cells)

    def of(self, keys: Ints) -> Ints:
        """The rank of each key in [0, BEST]: the midrank of its cell, the best the highest."""
        upper = cell_of(np.zeros(len(keys), np.int64), keys >> (KEY_BITS - DIGIT_BITS))
        at = np.searchsorted(self.coarse.cells, upper)
        before, count = _before(self.coarse)[at], self.coarse.documents[at]
        parents = np.searchsorted(self.open_cells, upper)
        inside = parents < len(self.open_cells)
        inside[inside] = self.open_cells[parents[inside]] == upper[inside]
        cells = cell_of(parents[inside], keys[inside] & _LOW)
        within = np.searchsorted(self.fine.cells, cells)
        running = _before(self.fine)
        first = np.searchsorted(self.fine.cells, parents[inside] << DIGIT_BITS)
        before[inside] += running[within] - running[first]
        count[inside] = self.fine.documents[within]
        total = int(self.coarse.documents.sum())
        return (2 * (total - before) - count) * BEST // (2 * total)


def _before(cells: Cells) -> Ints:
    """Documents in the cells before each."""
    return np.cumsum(cells.documents) - cells.documents
