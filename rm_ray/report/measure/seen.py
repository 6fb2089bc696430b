"""Keeps the documents of a night as hashes: exact up to a bound, and a sample beyond it.

A document is known by its key: its id and its number of tokens, or its text. The sketch keeps the
keys with the least hashes (KMV; Bar-Yossef et al. 2002), each with its documents by group. As long
as a night has at most `MOST` keys, it has them all.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.corpus.groups import texts
from rm_ray.counts.order import Hashes, Ints

Flags = npt.NDArray[np.bool_]
# Keys that a sketch keeps: one MiB of hashes.
MOST = 1 << 17
# All hashes are below this.
ALL = 1 << 64


def _none() -> Ints:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Seen:
    """A Seen is a sketch of the documents of a night, or of a part of it.

    Its arrays have one entry for each hash and group, in the order of the hashes.
    """

    groups: list[str] = field(default_factory=list)
    """Labels of the groups, by number."""
    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    """Hashes of the keys."""
    codes: Ints = field(default_factory=_none)
    """Numbers of the groups."""
    counts: Ints = field(default_factory=_none)
    """Documents of the group with the key."""
    below: int = ALL
    """Every key with a smaller hash is kept; `ALL` if all keys are."""

    @classmethod
    def of(cls, groups: Sequence[str], codes: Ints, hashes: Hashes, most: int = MOST) -> "Seen":
        """Sketch documents.

        Args:
            groups: labels of the groups, by number.
            codes: the number of each document's group.
            hashes: the hash of each document's key.
            most: keys to keep.
        """
        ones = np.ones(len(hashes), np.int64)
        return _sketch(list(groups), hashes, codes, ones, below=ALL, most=most)

    @classmethod
    def merge(cls, many: Sequence["Seen"], most: int = MOST) -> "Seen":
        """Return the sketch of all documents."""
        groups = sorted({label for one in many for label in one.groups})
        numbers = {label: number for number, label in enumerate(groups)}
        codes = [
            np.array([numbers[label] for label in one.groups], np.int64)[one.codes]
            for one in many
            if len(one.codes)
        ]
        hashes = [one.hashes for one in many if len(one.codes)]
        counts = [one.counts for one in many if len(one.codes)]
        return _sketch(
            groups,
            np.concatenate([np.empty(0, np.uint64), *hashes]),
            np.concatenate([_none(), *codes]),
            np.concatenate([_none(), *counts]),
            below=min((one.below for one in many), default=ALL),
            most=most,
        )

    @property
    def keys(self) -> Hashes:
        """Return the hashes, each once, ascending."""
        return np.unique(self.hashes)

    @property
    def share(self) -> float:
        """Return the share of all keys that the sketch keeps, in expectation; 1 if all."""
        return self.below / ALL


def _sketch(
    groups: list[str], hashes: Hashes, codes: Ints, counts: Ints, below: int, most: int
) -> Seen:
    keys = np.unique(hashes)
    if len(keys) > most:
        below = min(below, int(keys[most]))
    if below < ALL:
        kept = hashes < np.uint64(below)
        hashes, codes, counts = hashes[kept], codes[kept], counts[kept]
    order = np.lexsort((codes, hashes))
    hashes, codes, counts = hashes[order], codes[order], counts[order]
    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (codes[1:] != codes[:-1])
    starts = np.flatnonzero(first)
    summed = np.add.reduceat(counts, starts) if len(starts) else counts
    return Seen(groups, hashes[first], codes[first], summed, below)


def hashes_of(columns: Sequence[pa.ChunkedArray | pa.Array]) -> tuple[Hashes, Flags]:
    """Return a hash of each row's values, and True for each row that has one.

    A row without a value in the first column has no key.

    Args:
        columns: the columns of the key.
    """
    values = [texts(column) for column in columns]
    has = np.array([value is not None for value in values[0]], bool)
    data = b"".join(
        hashlib.blake2b("\0".join(map(str, row)).encode(errors="replace"), digest_size=8).digest()
        for row in zip(*values, strict=True)
    )
    return np.frombuffer(data, np.uint64).astype(np.uint64), has
