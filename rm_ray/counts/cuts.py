"""Finds exact cuts of the order of all documents in counts, without sorting all documents.

From each group the best documents are taken, as many as fit a budget; a document weighs 1, or its
tokens. The search goes sixteen bits at a time: it opens the cell in which a budget ends, then a
cell inside that cell, until the documents in all open cells are few enough to be sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from rm_ray.counts.cells import DIGIT_BITS, Cells, cell_of
from rm_ray.counts.order import HASH_BITS, KEY_BITS, Hashes, Ints

Weight = Literal["documents", "tokens"]

LEVELS = (KEY_BITS + HASH_BITS) // DIGIT_BITS
_DIGIT = (1 << DIGIT_BITS) - 1


@dataclass(frozen=True)
class Places:
    """Holds the places of documents in the order, as columns of equal length."""

    groups: Ints
    """The number of each document's group."""
    keys: Ints
    """Keys of 32 bits: the smaller, the better."""
    hashes: Hashes
    """Hashes of 64 bits, which order documents with equal keys (order.hash_after)."""
    files: Ints
    """The number of each document's file."""
    rows: Ints
    """Row numbers in the file."""
    tokens: Ints
    """Tokens, or other whole weights."""

    def take(self, which: Ints | npt.NDArray[np.bool_]) -> "Places":
        """Return the places that `which` selects, by index or by flag."""
        return Places(*(column[which] for column in vars(self).values()))

    @staticmethod
    def concatenate(many: Sequence["Places"]) -> "Places":
        """Join the columns of many places."""
        columns = zip(*(vars(places).values() for places in many), strict=True)
        return Places(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Cut:
    """A cut is given by the first document in the order that is beyond it."""

    key: int
    """The document's key."""
    hash: int
    """The document's hash."""
    file: str
    """The document's file; "" for a fixed cut, at no document."""
    row: int
    """The document's row in the file."""


def digits(places: Places, level: int) -> Ints:
    """Return the sixteen bits of key and hash that belong to a level; the first level is 0."""
    if level * DIGIT_BITS < KEY_BITS:
        return (places.keys >> (KEY_BITS - DIGIT_BITS * (level + 1))) & _DIGIT
    shift = KEY_BITS + HASH_BITS - DIGIT_BITS * (level + 1)
    return ((places.hashes >> np.uint64(shift)) & np.uint64(_DIGIT)).astype(np.int64)


@dataclass(frozen=True)
class Search:
    """A search holds the open cells of each level so far."""

    levels: tuple[Ints, ...] = ()
    """The open cells of each level, ascending. A cell's index here is its number as a parent at
    the next level.
    """

    def descend(self, places: Places) -> tuple[Places, Ints]:
        """Return the documents whose cell is open, and for each the index of that cell.

        Before the first level: all documents, with their group's number.
        """
        parents = places.groups
        for level, open_cells in enumerate(self.levels):
            cells = cell_of(parents, digits(places, level))
            number = np.searchsorted(open_cells, cells)
            inside = number < len(open_cells)
            inside[inside] = open_cells[number[inside]] == cells[inside]
            places, parents = places.take(inside), number[inside]
        return places, parents

    def count(self, places: Places) -> Cells:
        """Count the documents in open cells, by the cells of the next level."""
        places, parents = self.descend(places)
        return Cells.count(cell_of(parents, digits(places, len(self.levels))), places.tokens)


@dataclass(frozen=True)
class Targets:
    """Targets are the budgets with cuts that are still to be found, as columns of equal length."""

    groups: Ints
    """The number of each budget's group."""
    numbers: Ints
    """The budget's number in its group."""
    cells: Ints
    """The number of the open cell in which the budget ends."""
    left: Ints
    """The part of the budget that is left at the beginning of its open cell."""

    @classmethod
    def of(cls, budgets: Sequence[Sequence[int]]) -> "Targets":
        """Return the targets at the start of a search. `budgets`: the budgets of each group."""
        rows = [(g, i, g, left) for g, all_ in enumerate(budgets) for i, left in enumerate(all_)]
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        return cls(*columns)

    def narrow(
        self, search: Search, counted: Cells, weight: Weight
    ) -> tuple[Search, "Targets", int]:
        """Open the cells in which the budgets end. A target with room for all documents of its
        cell has no cut and is left out.

        Args:
            search: the search so far.
            counted: `search.count` of all documents.
            weight: the unit of the budgets.

        Returns:
            The new search, the remaining targets, and how many documents are in open cells.
        """
        weights = counted.documents if weight == "documents" else counted.tokens
        ends, left, remaining = [], [], []
        for i, (parent, budget) in enumerate(zip(self.cells, self.left, strict=True)):
            span = counted.within(int(parent))
            running = np.cumsum(weights[span])
            at = int(np.searchsorted(running, budget, side="right"))
            if at < len(running):
                ends.append(span.start + at)
                left.append(int(budget) - (int(running[at - 1]) if at else 0))
                remaining.append(i)
        opened, numbers = np.unique(np.array(ends, np.int64), return_inverse=True)
        kept = np.array(remaining, np.int64)
        narrowed = Targets(self.groups[kept], self.numbers[kept], numbers, np.array(left, np.int64))
        inside = int(counted.documents[opened].sum())
        return Search((*search.levels, counted.cells[opened])), narrowed, inside

    def settle(
        self, search: Search, gathered: Places, files: Sequence[str], weight: Weight
    ) -> list[tuple[int, int, Cut]]:
        """Find the cuts among all documents in open cells.

        Args:
            search: the finished search.
            gathered: the places of all documents in open cells.
            files: names of the files, by number. Documents with equal keys and hashes are ordered
                by file name, then by row.
            weight: the unit of the budgets.

        Returns:
            Each cut with the number of its group and its number in the group.
        """
        places, cells = search.descend(gathered)
        ranks = np.argsort(np.argsort(np.array(files, object)))[places.files]
        order = np.lexsort((places.rows, ranks, places.hashes, places.keys, cells))
        places, cells = places.take(order), cells[order]
        weights = np.ones(len(cells), np.int64) if weight == "documents" else places.tokens
        cuts = []
        for group, number, cell, left in zip(*vars(self).values(), strict=True):
            first, last = np.searchsorted(cells, [cell, cell + 1]).tolist()
            running = np.cumsum(weights[first:last])
            at = first + int(np.searchsorted(running, left, side="right"))
            cut = Cut(
                key=int(places.keys[at]),
                hash=int(places.hashes[at]),
                file=files[int(places.files[at])],
                row=int(places.rows[at]),
            )
            cuts.append((int(group), int(number), cut))
        return cuts


@dataclass(frozen=True)
class Cuts:
    """Holds the cuts of every group, best first. A cut is None if no document of the group is
    beyond it.
    """

    groups: list[str]
    """Labels of the groups that have cuts of their own, ascending."""
    cuts: list[list[Cut | None]] = field(default_factory=list)
    """The cuts of each of these groups."""
    otherwise: list[Cut | None] = field(default_factory=list)
    """The cuts of all other groups."""

    def beyond(self, groups: Sequence[str], places: Places, file: str) -> Ints:
        """Count for each document of one file how many of its group's cuts it is beyond.

        Args:
            groups: labels of the groups, by the numbers in `places`.
            places: the places of the documents.
            file: the documents' file.
        """
        places, _, by_group = self.of_present(groups, places)
        counts = np.zeros(len(places.keys), np.int64)
        for number in range(len(by_group[0]) if by_group else 0):
            counts += _beyond([cuts[number] for cuts in by_group], places, file)
        return counts

    def of_present(
        self, groups: Sequence[str], places: Places
    ) -> tuple[Places, list[str], list[list[Cut | None]]]:
        """Number anew the groups that some documents are in.

        A stretch of documents has few of many groups, so what is done for each group is done for
        these alone.

        Args:
            groups: labels of the groups, by the numbers in `places`.
            places: the places of the documents.

        Returns:
            The places with the new numbers; and by these numbers the labels, and the cuts.
        """
        known = dict(zip(self.groups, self.cuts, strict=True))
        width = max(map(len, [*self.cuts, self.otherwise]), default=0)
        present, numbers = np.unique(places.groups, return_inverse=True)
        labels = [groups[number] for number in present.tolist()]
        cuts = [known.get(label, self.otherwise or [None] * width) for label in labels]
        return replace(places, groups=numbers), labels, cuts


def _beyond(cuts: Sequence[Cut | None], places: Places, file: str) -> npt.NDArray[np.bool_]:
    """Return True for each document that is beyond its group's cut. `cuts`: one per group."""
    keys = np.array([cut.key if cut else 1 << KEY_BITS for cut in cuts], np.int64)[places.groups]
    hashes = np.array([cut.hash if cut else 0 for cut in cuts], np.uint64)[places.groups]
    # documents with equal keys and hashes are ordered by file and row
    rows = np.array([_first_row(cut, file) for cut in cuts], np.float64)[places.groups]
    same = places.keys == keys
    tied = same & (places.hashes == hashes)
    over: npt.NDArray[np.bool_] = places.keys > keys
    over |= (same & (places.hashes > hashes)) | (tied & (places.rows >= rows))
    return over


def _first_row(cut: Cut | None, file: str) -> float:
    """Return the first row of this file that is beyond a cut, for documents with the cut's key and
    hash.
    """
    if cut is None or file == cut.file:
        return cut.row if cut else np.inf
    return -1 if file > cut.file else np.inf
