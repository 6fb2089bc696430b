"""Counts documents and tokens by cell. Counts are sparse, sorted, and merged by addition.

A cell is one int64: the number of its parent (a group, or a cell of the level above), then 16 bits
of the key or hash that orders documents (20 bits in a histogram).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from rm_ray.counts.order import Ints

DIGIT_BITS = 16


def cell_of(parents: Ints, digits: Ints) -> Ints:
    """Return the cell of each document, from its parent's number and its digits."""
    return (parents << DIGIT_BITS) | digits


@dataclass(frozen=True)
class Cells:
    """Holds the counts of cells, as columns of equal length."""

    bits: ClassVar[int] = DIGIT_BITS
    """Bits of a cell below its parent's number."""

    cells: Ints
    """The cells, ascending, each once."""
    documents: Ints
    """How many documents are in each cell."""
    tokens: Ints
    """The sum of the documents' tokens in each cell."""

    @classmethod
    def count(cls, cells: Ints, tokens: Ints) -> Self:
        """Count documents, given by the cell and the tokens of each."""
        return cls._sum(cells, np.ones(len(cells), np.int64), tokens)

    @classmethod
    def merge(cls, many: Sequence["Cells"]) -> Self:
        """Return the sum."""
        none = np.empty(0, np.int64)
        columns = [(part.cells, part.documents, part.tokens) for part in many] or [(none,) * 3]
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
        """Return the indices of one parent's cells, as a slice of the columns."""
        ends = np.array([parent, parent + 1], np.int64) << self.bits
        first, last = np.searchsorted(self.cells, ends).tolist()
        return slice(first, last)

    def moved(self, parents: Ints) -> Self:
        """Return the same counts with the parents renumbered.

        Args:
            parents: the new number of each parent, by its old number, ascending.
        """
        digits = self.cells & ((1 << self.bits) - 1)
        cells = (parents[self.cells >> self.bits] << self.bits) | digits
        return type(self)(cells, self.documents, self.tokens)

    def by_parent(self, parents: int) -> tuple[Ints, Ints]:
        """Return the documents and the tokens of each parent, from number 0 to `parents` - 1."""
        ends = np.searchsorted(self.cells, np.arange(parents + 1, dtype=np.int64) << self.bits)
        documents, tokens = (
            np.diff(np.concatenate([[0], np.cumsum(column)])[ends])
            for column in (self.documents, self.tokens)
        )
        return documents, tokens


@dataclass(frozen=True)
class ByGroup:
    """Holds cells with groups as parents."""

    groups: list[str]
    """Labels of the groups by number, ascending, each once."""
    cells: Cells
    """The cells of all groups."""

    @classmethod
    def merge(cls, many: Sequence["ByGroup"]) -> Self:
        """Return the sum, with the groups of all."""
        groups = sorted({group for part in many for group in part.groups})
        numbers = {group: i for i, group in enumerate(groups)}
        renumbered = [
            np.array([numbers[group] for group in part.groups], np.int64) for part in many
        ]
        moved = [part.cells.moved(new) for part, new in zip(many, renumbered, strict=True)]
        kind = type(many[0].cells) if many else Cells
        return cls(groups, kind.merge(moved))

    def used(self) -> "ByGroup":
        """Return the same counts without the groups that have no cell."""
        used = np.unique(self.cells.cells >> self.cells.bits)
        numbers = np.searchsorted(used, np.arange(len(self.groups)))
        return ByGroup([self.groups[number] for number in used], self.cells.moved(numbers))
