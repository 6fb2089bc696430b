"""The order of the examples. Pure: it depends on the data and the seed only.

A batch holds examples of one context length as far as there are enough, so that nothing is padded.
A packed batch holds examples of the same documents, because they share their contexts.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

# Packed batches hold documents of similar length: this many batches are sorted by length at a time.
SORTED_BATCHES = 32


def batches(
    lengths: Numbers, documents: Numbers, *, size: int, steps: int, seed: int, packed: bool
) -> Numbers:
    """Return the numbers of the examples of each step, [steps, size].

    Each epoch holds every example at most once, in `len(lengths) // size` batches. The few examples
    that fill no batch are left out, others in each epoch.

    Args:
        lengths: tokens of each example's context.
        documents: the number of each example's document.
        size: examples in one batch, at most as many as there are.
    """
    epochs: list[Numbers] = []
    have, epoch = 0, 0
    while have < steps:
        rng = np.random.default_rng([seed, epoch])
        made = _packed(lengths, documents, size, rng) if packed else _alike(lengths, size, rng)
        epochs.append(made[rng.permutation(len(made))])
        have, epoch = have + len(made), epoch + 1
    return np.concatenate(epochs)[:steps]


def _alike(lengths: Numbers, size: int, rng: np.random.Generator) -> Numbers:
    """Return batches of one context length, then batches of the leftovers, sorted by length."""
    mixed = rng.permutation(len(lengths))
    ordered = mixed[np.argsort(lengths[mixed], kind="stable")]
    starts = np.flatnonzero(np.diff(lengths[ordered], prepend=-1))
    groups = np.split(ordered, starts[1:])
    whole = [group[: len(group) // size * size] for group in groups]
    leftovers = np.concatenate([group[len(group) // size * size :] for group in groups])
    # leave out random examples, not always the longest ones
    spare = len(leftovers) % size
    leftovers = (
        np.delete(leftovers, rng.choice(len(leftovers), spare, replace=False))
        if spare
        else leftovers
    )
    result: Numbers = np.concatenate([*whole, leftovers]).reshape(-1, size)
    return result


def _packed(lengths: Numbers, documents: Numbers, size: int, rng: np.random.Generator) -> Numbers:
    """Return batches of whole documents, cut at the end of each batch."""
    unique, document = np.unique(documents, return_inverse=True)
    longest = np.zeros(len(unique), np.int64)
    np.maximum.at(longest, document, lengths)
    place = rng.permutation(len(unique))
    # put documents into random blocks, and sort within a block by length
    block = place * max(1, len(lengths)) // max(1, len(unique)) // (size * SORTED_BATCHES)
    order = np.lexsort((lengths, place[document], longest[document], block[document]))
    result: Numbers = order[: len(order) // size * size].reshape(-1, size)
    return result
