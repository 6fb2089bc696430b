"""Tree-packed sequences: windows whose contexts are prefixes of one another, as one sequence.

A sequence is a trunk and a branch per window. The trunk is the longest of the contexts. A branch is
a window's markers and chunk. A branch sees itself and the trunk up to the end of its own context,
and has the positions that it has in the window alone. So the model gives each window the same
numbers as alone, but computes the contexts once. A context that is no prefix of the trunk (a broken
one, one of another document, or one after a hop) begins a sequence of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Branch:
    """A Branch is one window, split into its context and its tail."""

    context: Ids
    """Token ids before the tail, with the BOS."""
    tail: Ids
    """Token ids of the markers and the chunk."""
    real_context: bool = False
    """True if the context is real text, so that the language is learnt from it."""
    real_tail: tuple[int, int] = (0, 0)
    """Start of the real text in the tail, and its number of tokens."""


@dataclass(frozen=True)
class Packed:
    """Packed holds rows of token ids. Window number i is read at [rows[i], columns[i]]."""

    ids: Ids
    """Token ids [rows, tokens]."""
    real: npt.NDArray[np.bool_]
    """True for tokens to learn the language from [rows, tokens]."""
    rows: npt.NDArray[np.int64]
    """Row of each window's answer [windows]."""
    columns: npt.NDArray[np.int64]
    """Column of each window's answer [windows]."""
    positions: npt.NDArray[np.int64] | None = None
    """Position of each token [rows, tokens]; None for the usual 0, 1, 2..."""
    mask: npt.NDArray[np.bool_] | None = None
    """The tokens that each token sees [rows, tokens, tokens]; None if it sees all before it."""


def trees_of(branches: Sequence[Branch]) -> list[list[int]]:
    """Group branches into trees. Return the branch numbers per tree, the longest context first."""
    trees: list[list[int]] = []
    by_length = sorted(range(len(branches)), key=lambda n: -len(branches[n].context))
    for number in by_length:
        context = branches[number].context
        for tree in trees:
            trunk = branches[tree[0]]
            same_kind = trunk.real_context == branches[number].real_context
            if same_kind and np.array_equal(trunk.context[: len(context)], context):
                tree.append(number)
                break
        else:
            trees.append([number])
    return trees


def rows_of(sizes: Sequence[int]) -> list[list[int]]:
    """Distribute trees to rows, side by side, as many as fit into the length of the longest tree.

    Args:
        sizes: tokens of each tree.

    Returns:
        The numbers of the trees of each row.
    """
    rows: list[list[int]] = []
    free: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        row = next((row for row, room in enumerate(free) if room >= sizes[number]), None)
        if row is None:
            rows.append([])
            free.append(max(sizes))
            row = len(rows) - 1
        rows[row].append(number)
        free[row] -= sizes[number]
    return rows


def pack_trees(branches: Sequence[Branch], bos: int = 0) -> Packed:
    """Pack trees side by side in rows, padded on the right to the longest; padding sees only
    itself.

    Args:
        bos: number of tokens at the beginning of each context that are no text.
    """
    trees = trees_of(branches)
    sizes = [
        len(branches[tree[0]].context) + sum(len(branches[n].tail) for n in tree) for tree in trees
    ]
    rows = rows_of(sizes)
    shape = len(rows), max(sizes)
    packed = Packed(
        ids=np.zeros(shape, np.int32),
        real=np.zeros(shape, np.bool_),
        rows=np.zeros(len(branches), np.int64),
        columns=np.zeros(len(branches), np.int64),
        positions=np.zeros(shape, np.int64),
        mask=np.tile(np.eye(shape[1], dtype=np.bool_), (shape[0], 1, 1)),
    )
    for row, numbers in enumerate(rows):
        start = 0
        for number in numbers:
            _put_tree(packed, row, start, trees[number], branches=branches, bos=bos)
            start += sizes[number]
    return packed


def _put_tree(
    packed: Packed,
    row: int,
    start: int,
    tree: Sequence[int],
    branches: Sequence[Branch],
    bos: int,
) -> None:
    """Write a tree into a row, beginning at the column `start`."""
    assert packed.positions is not None and packed.mask is not None
    ids, real, positions = packed.ids[row], packed.real[row], packed.positions[row]
    mask, first = packed.mask[row], branches[tree[0]]
    trunk = len(first.context)
    at = start + trunk
    ids[start:at] = first.context
    real[start + max(1, bos) : at] = first.real_context  # no token predicts the first
    positions[start:at] = np.arange(trunk)
    mask[start:at, start:at] = _before(trunk)
    for number in tree:
        branch = branches[number]
        size, seen = len(branch.tail), len(branch.context)
        stop = at + size
        ids[at:stop] = branch.tail
        positions[at:stop] = seen + np.arange(size)
        mask[at:stop, start : start + seen] = True
        mask[at:stop, at:stop] = _before(size)
        text, tokens = branch.real_tail
        real[at + text : at + text + tokens] = True
        packed.rows[number], packed.columns[number] = row, stop - 1
        at = stop


def _before(size: int) -> npt.NDArray[np.bool_]:
    """Return the causal mask of `size` tokens: each token sees itself and the tokens before it."""
    return np.tri(size, dtype=np.bool_)
