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


def pack_trees(branches: Sequence[Branch], bos: int = 0) -> Packed:
    """A row for each tree, padded on the right to the longest; padding sees itself alone.

    Args:
        bos: tokens at the beginning of each context that are no text.
    """
    trees = trees_of(branches)
    sizes = [
        len(branches[tree[0]].context) + sum(len(branches[n].tail) for n in tree) for tree in trees
    ]
    shape = len(trees), max(sizes)
    ids, positions = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
    real, mask = np.zeros(shape, np.bool_), np.zeros((*shape, max(sizes)), np.bool_)
    mask[:, np.arange(max(sizes)), np.arange(max(sizes))] = True
    rows, columns = np.zeros(len(branches), np.int64), np.zeros(len(branches), np.int64)
    for row, tree in enumerate(trees):
        first = branches[tree[0]]
        trunk = len(first.context)
        ids[row, :trunk] = first.context
        real[row, bos:trunk] = first.real_context
        positions[row, :trunk] = np.arange(trunk)
        mask[row, :trunk, :trunk] = _before(trunk)
        start = trunk
        for number in tree:
            branch = branches[number]
            size, seen = len(branch.tail), len(branch.context)
            stop = start + size
            ids[row, start:stop] = branch.tail
            positions[row, start:stop] = seen + np.arange(size)
            mask[row, start:stop, :seen] = True
            mask[row, start:stop, start:stop] = _before(size)
            text, tokens = branch.real_tail
            real[row, start + text : start + text + tokens] = True
            rows[number], columns[number] = row, stop - 1
            start = stop
    return Packed(ids=ids, real=real, rows=rows, columns=columns, positions=positions, mask=mask)


def _before(size: int) -> npt.NDArray[np.bool_]:
    """What each of so many tokens sees: those before it, and itself."""
    return np.tri(size, dtype=np.bool_)
