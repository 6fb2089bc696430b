"""Exact cuts of an order that nobody sorts: found in counts, sixteen bits at a time.

Of each group the best documents are taken whose weights (one each, or their tokens) do not exceed a
budget together. The cell in which a budget ends is looked into, and the cells in that, until the
documents left in all of them are few enough to be sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    """Where documents are in the order, column by column; `groups` and `files` by number."""

    groups: Ints
    keys: Ints
    hashes: Hashes
    files: Ints
    rows: Ints
    tokens: Ints

    def take(self, which: Ints | npt.NDArray[np.bool_]) -> "Places":
        """Some of them."""
        return Places(*(column[which] for column in vars(self).values()))

    @staticmethod
    def concatenate(many: Sequence["Places"]) -> "Places":
        """All of them."""
        columns = zip(*(vars(one).values() for one in many), strict=True)
        return Places(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Cut:
    """The first document in the order that is beyond: key, hash, file and row."""

    key: int
    hash: int
    file: str
    row: int


def digits(places: Places, level: int) -> Ints:
    """The sixteen bits of that level, the first being 0."""
    if level * DIGIT_BITS < KEY_BITS:
        return (places.keys >> (KEY_BITS - DIGIT_BITS * (level + 1))) & _DIGIT
    shift = KEY_BITS + HASH_BITS - DIGIT_BITS * (level + 1)
    return ((places.hashes >> np.uint64(shift)) & np.uint64(_DIGIT)).astype(np.int64)


@dataclass(frozen=True)
class Search:
    """How far the search has come: of each level the cells that are open, ascending. A cell's
    number at the next level is its place here.
    """

    levels: tuple[Ints, ...] = ()

    def descend(self, places: Places) -> tuple[Places, Ints]:
        """The documents in open cells, and the numbers of these cells; at first, of the groups."""
        parents = places.groups
        for level, open_cells in enumerate(self.levels):
            cells = cell_of(parents, digits(places, level))
            number = np.searchsorted(open_cells, cells)
            inside = number < len(open_cells)
            inside[inside] = open_cells[number[inside]] == cells[inside]
            places, parents = places.take(inside), number[inside]
        return places, parents

    def count(self, places: Places) -> Cells:
        """The documents in open cells by the cells of the next level."""
        places, parents = self.descend(places)
        return Cells.count(cell_of(parents, digits(places, len(self.levels))), places.tokens)


@dataclass(frozen=True)
class Targets:
    """Budgets still to be found. Of each: its group and its number there, its open cell, and what
    is left of it there.
    """

    groups: Ints
    numbers: Ints
    cells: Ints
    left: Ints

    @classmethod
    def of(cls, budgets: Sequence[Sequence[int]]) -> "Targets":
        """Of groups, each with its budgets."""
        found = [(g, i, g, left) for g, all_ in enumerate(budgets) for i, left in enumerate(all_)]
        columns = np.array(found, np.int64).reshape(-1, 4).T
        return cls(*columns)

    def narrow(
        self, search: Search, counted: Cells, weight: Weight
    ) -> tuple[Search, "Targets", int]:
        """Open the cells in which the budgets end. Targets that have room for all they were counted
        for are left out. Last, how many documents are in open cells.

        Args:
            counted: `search.count` of all documents.
        """
        weights = counted.documents if weight == "documents" else counted.tokens
        ends, left, found = [], [], []
        for i, (parent, budget) in enumerate(zip(self.cells, self.left, strict=True)):
            span = counted.within(int(parent))
            running = np.cumsum(weights[span])
            at = int(np.searchsorted(running, budget, side="right"))
            if at < len(running):
                ends.append(span.start + at)
                left.append(int(budget) - (int(running[at - 1]) if at else 0))
                found.append(i)
        opened, numbers = np.unique(np.array(ends, np.int64), return_inverse=True)
        kept = np.array(found, np.int64)
        narrowed = Targets(self.groups[kept], self.numbers[kept], numbers, np.array(left, np.int64))
        inside = int(counted.documents[opened].sum())
        return Search((*search.levels, counted.cells[opened])), narrowed, inside

    def settle(
        self, search: Search, gathered: Places, files: Sequence[str], weight: Weight
    ) -> list[tuple[int, int, Cut]]:
        """The cuts, each with its group and number, from all documents in open cells.

        Args:
            files: by number; their names' order is the last but one to decide.
        """
        places, cells = search.descend(gathered)
        ranks = np.argsort(np.argsort(np.array(files, object)))[places.files]
        order = np.lexsort((places.rows, ranks, places.hashes, places.keys, cells))
        places, cells = places.take(order), cells[order]
        weights = np.ones(len(cells), np.int64) if weight == "documents" else places.tokens
        found = []
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
            found.append((int(group), int(number), cut))
        return found


@dataclass(frozen=True)
class Cuts:
    """The cuts of every group, best first; None where all of a group are before it.

    `groups`: of what each row of `cuts` is, ascending. `otherwise`: of all other groups.
    """

    groups: list[str]
    cuts: list[list[Cut | None]] = field(default_factory=list)
    otherwise: list[Cut | None] = field(default_factory=list)

    def beyond(self, groups: Sequence[str], places: Places, file: str) -> Ints:
        """How many of its group's cuts each document is beyond. All are of one file.

        Args:
            groups: what the numbers in `places` mean.
        """
        known = dict(zip(self.groups, self.cuts, strict=True))
        width = max(map(len, [*self.cuts, self.otherwise]))
        theirs = [known.get(group, self.otherwise or [None] * width) for group in groups]
        found = np.zeros(len(places.keys), np.int64)
        for number in range(width):
            found += _beyond([cuts[number] for cuts in theirs], places, file)
        return found


def _beyond(cuts: Sequence[Cut | None], places: Places, file: str) -> npt.NDArray[np.bool_]:
    """`cuts`: one of each group."""
    keys = np.array([cut.key if cut else 1 << KEY_BITS for cut in cuts], np.int64)[places.groups]
    hashes = np.array([cut.hash if cut else 0 for cut in cuts], np.uint64)[places.groups]
    # of two with one key and one hash, the first by file and row
    rows = np.array([_first_row(cut, file) for cut in cuts], np.float64)[places.groups]
    same = places.keys == keys
    tied = same & (places.hashes == hashes)
    over: npt.NDArray[np.bool_] = places.keys > keys
    over |= (same & (places.hashes > hashes)) | (tied & (places.rows >= rows))
    return over


def _first_row(cut: Cut | None, file: str) -> float:
    """Of documents of this file at a cut, the first row that is beyond it."""
    if cut is None or file == cut.file:
        return cut.row if cut else np.inf
    return -1 if file > cut.file else np.inf
