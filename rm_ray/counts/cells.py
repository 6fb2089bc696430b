"""Documents and tokens by cell: sparse, sorted, and merged by addition.

A cell is the number of what it lies in (a group, or a cell of the level above) and 16 bits of what
documents are ordered by (a histogram has more), in one int64.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from rm_ray.counts.order import Ints

DIGIT_BITS = 16


def cell_of(parents: Ints, digits: Ints) -> Ints:
    """The cell of each document."""
    return (parents << DIGIT_BITS) | digits


@dataclass(frozen=True)
class Cells:
    """Columns of equal length; `cells` ascending, each once. `bits`: of a cell below its parent."""

    bits: ClassVar[int] = DIGIT_BITS

    cells: Ints
    documents: Ints
    tokens: Ints

    @classmethod
    def count(cls, cells: Ints, tokens: Ints) -> Self:
        """Of documents, given by their cells and tokens."""
        return cls._sum(cells, np.ones(len(cells), np.int64), tokens)

    @classmethod
    def merge(cls, many: Sequence["Cells"]) -> Self:
        """The sum."""
        none = np.empty(0, np.int64)
        columns = [(one.cells, one.documents, one.tokens) for one in many] or [(none,) * 3]
        return cls._sum(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    @classmethod
    def _sum(cls, cells: Ints, documents: Ints, tokens: Ints) -> Self:
        if not len(cells):
            return cls(*(np.empty(0, np.int64),) * 3)
        order = np.argsort(cells, kind="stable")
        cells = cells[order]
        firsts = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
        sums = (np.add.reduceat(column[order], firsts) for column in (documents, tokens))
        return cls(cells[firsts], *sums)

    def within(self, parent: int) -> slice:
        """Where the cells of one parent lie."""
        ends = np.array([parent, parent + 1], np.int64) << self.bits
        first, last = np.searchsorted(self.cells, ends).tolist()
        return slice(first, last)

    def moved(self, parents: Ints) -> Self:
        """The cells in other parents, as ascending as theirs; `parents`: the new ones by number."""
        digits = self.cells & ((1 << self.bits) - 1)
        cells = (parents[self.cells >> self.bits] << self.bits) | digits
        return type(self)(cells, self.documents, self.tokens)

    def by_parent(self, parents: int) -> tuple[Ints, Ints]:
        """Documents and tokens of each of so many parents."""
        ends = np.searchsorted(self.cells, np.arange(parents + 1, dtype=np.int64) << self.bits)
        documents, tokens = (
            np.diff(np.concatenate([[0], np.cumsum(column)])[ends])
            for column in (self.documents, self.tokens)
        )
        return documents, tokens


@dataclass(frozen=True)
class ByGroup:
    """Cells whose parents are groups, numbered as in `groups`, ascending and each once."""

    groups: list[str]
    cells: Cells

    @classmethod
    def merge(cls, many: Sequence["ByGroup"]) -> Self:
        """The sum, the groups of all."""
        groups = sorted({group for one in many for group in one.groups})
        numbers = {group: i for i, group in enumerate(groups)}
        theirs = [np.array([numbers[group] for group in one.groups], np.int64) for one in many]
        moved = [one.cells.moved(new) for one, new in zip(many, theirs, strict=True)]
        kind = type(many[0].cells) if many else Cells
        return cls(groups, kind.merge(moved))

    def used(self) -> "ByGroup":
        """Without the groups that have no cell."""
        used = np.unique(self.cells.cells >> self.cells.bits)
        numbers = np.searchsorted(used, np.arange(len(self.groups)))
        return ByGroup([self.groups[number] for number in used], self.cells.moved(numbers))
