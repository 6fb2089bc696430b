"""In which order examples are learnt from. Pure, and a function of the seed alone.

A batch holds examples of one context length as far as there are enough, so that nothing is padded;
packed, it holds examples of the same documents, which share their contexts.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

# Packed batches are of documents that are about as long: as many batches are sorted at a time.
SORTED_BATCHES = 32


def batches(
    lengths: Numbers, documents: Numbers, *, size: int, steps: int, seed: int, packed: bool
) -> Numbers:
    """The numbers of the examples of each step, [steps, size].

    Each epoch holds every example at most once, in `len(lengths) // size` batches; the few that
    fill no batch are others in each epoch.

    Args:
        lengths: tokens of each example's context.
        documents: the number of each example's document.
        size: examples in one batch, at most as many as there are.
    """
    found: list[Numbers] = []
    have, epoch = 0, 0
    while have < steps:
        rng = np.random.default_rng([seed, epoch])
        one = _packed(lengths, documents, size, rng) if packed else _alike(lengths, size, rng)
        found.append(one[rng.permutation(len(one))])
        have, epoch = have + len(one), epoch + 1
    return np.concatenate(found)[:steps]


def _alike(lengths: Numbers, size: int, rng: np.random.Generator) -> Numbers:
    """Batches of one context length, then those of what is left over, sorted by length."""
    mixed = rng.permutation(len(lengths))
    ordered = mixed[np.argsort(lengths[mixed], kind="stable")]
    starts = np.flatnonzero(np.diff(lengths[ordered], prepend=-1))
    groups = np.split(ordered, starts[1:])
    whole = [group[: len(group) // size * size] for group in groups]
    left = np.concatenate([group[len(group) // size * size :] for group in groups])
    # the examples that fill no batch are not always the longest ones
    spare = len(left) % size
    left = np.delete(left, rng.choice(len(left), spare, replace=False)) if spare else left
    found: Numbers = np.concatenate([*whole, left]).reshape(-1, size)
    return found


def _packed(lengths: Numbers, documents: Numbers, size: int, rng: np.random.Generator) -> Numbers:
    """Batches of whole documents, cut where a batch is full."""
    names, which = np.unique(documents, return_inverse=True)
    longest = np.zeros(len(names), np.int64)
    np.maximum.at(longest, which, lengths)
    place = rng.permutation(len(names))
    # blocks of documents at random places, and within a block by length
    block = place * max(1, len(lengths)) // max(1, len(names)) // (size * SORTED_BATCHES)
    order = np.lexsort((lengths, place[which], longest[which], block[which]))
    found: Numbers = order[: len(order) // size * size].reshape(-1, size)
    return found
