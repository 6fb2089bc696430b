"""Tree-packed sequences: windows whose contexts are prefixes of one another, as one sequence.

A sequence is a trunk, the longest of these contexts, and a branch for each window: its markers and
its chunk. A branch sees the trunk up to its own context, and itself; its positions are those of the
window alone. So each window's numbers are those of the window alone, and the contexts
are computed once. A context that is no prefix of the trunk (broken, or of another document, or
after a hop) begins a sequence of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Branch:
    """One window. `context`: what it follows, with the BOS; `tail`: its markers and its chunk.

    `real_context`: the context is text to learn the language from; `real_tail`: where such text
    begins in the tail, and how many tokens it has.
    """

    context: Ids
    tail: Ids
    real_context: bool = False
    real_tail: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Packed:
    """Rows of token ids. Window number i is read at [rows[i], columns[i]].

    `real`: tokens to learn the language from. `mask`: [rows, tokens, tokens], what a token sees, or
    None where that is all before it.
    """

    ids: Ids
    real: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64] | None = None
    mask: npt.NDArray[np.bool_] | None = None


def trees_of(branches: Sequence[Branch]) -> list[list[int]]:
    """The numbers of the branches of each tree; the longest context of each comes first."""
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
    """The numbers of the trees of each row: as many as fit beside one another into the longest."""
    rows: list[list[int]] = []
    left: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        row = next((row for row, room in enumerate(left) if room >= sizes[number]), None)
        if row is None:
            rows.append([])
            left.append(max(sizes))
            row = len(rows) - 1
        rows[row].append(number)
        left[row] -= sizes[number]
    return rows


def pack_trees(branches: Sequence[Branch], bos: int = 0) -> Packed:
    """Trees side by side in rows, padded on the right to the longest; padding sees itself alone.

    Args:
        bos: tokens at the beginning of each context that are no text.
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
    """Write a tree into a row, from a column on."""
    assert packed.positions is not None and packed.mask is not None
    ids, real, positions = packed.ids[row], packed.real[row], packed.positions[row]
    mask, first = packed.mask[row], branches[tree[0]]
    trunk = len(first.context)
    at = start + trunk
    ids[start:at] = first.context
    real[start + max(1, bos) : at] = first.real_context  # nothing foretells the first token
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
    """What each of so many tokens sees: those before it, and itself."""
    return np.tri(size, dtype=np.bool_)
