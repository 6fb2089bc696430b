"""Documents with equal rewards on both sides of a cut: a hash has decided, and that is told."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rm_ray.counts.cuts import Cut, Cuts
from rm_ray.counts.summable import summed
from rm_ray.filter.count.decision import Decision

# By group and number of the cut: documents with its reward before it, and beyond it.
Equal = dict[tuple[str, int], tuple[int, int]]
# In place of a cut that no document is at.
NOWHERE = Cut(-1, 0, "", 0)


@dataclass(frozen=True)
class Tie:
    """A cut that parts documents with equal rewards."""

    group: str
    """The group's label."""
    cut: int
    """The number of the cut in its group, best first."""
    before: int
    """Documents with the reward of the cut that are before it."""
    beyond: int
    """Documents with the reward of the cut that are beyond it."""

    def said(self) -> str:
        """The tie for people."""
        return (
            f"{self.before + self.beyond:,} documents have the very reward of cut {self.cut + 1}: "
            f"{self.before:,} are before it, {self.beyond:,} beyond it, by a hash"
        )


def equal_to_cuts(decision: Decision, cuts: Cuts, kind: str) -> Equal:
    """Count the documents whose reward is that of a cut of their group.

    Args:
        decision: on documents of one file.
        cuts: of all groups.
        kind: of the numbers that documents are ordered by.
    """
    groups, places = decision.documents.groups, decision.places
    known = dict(zip(cuts.groups, cuts.cuts, strict=True))
    width = max(map(len, [*cuts.cuts, cuts.otherwise]), default=0)
    theirs = [known.get(group, cuts.otherwise or [None] * width) for group in groups]
    finer = places.hashes >> np.uint64(32)
    found: Equal = {}
    for number in range(width):
        here = [cut if cut and cut.file else NOWHERE for cut in (each[number] for each in theirs)]
        same = places.keys == np.array([cut.key for cut in here], np.int64)[places.groups]
        if kind != "float32":
            same &= finer == np.array([cut.hash >> 32 for cut in here], np.uint64)[places.groups]
        before = decision.beyond <= number
        for group in np.unique(places.groups[same]).tolist():
            own = same & (places.groups == group)
            counts = int((own & before).sum()), int((own & ~before).sum())
            found[groups[group], number] = counts
    return found


def merged(many: Iterable[Equal]) -> Equal:
    """The sum over files."""
    return summed(many)


def parted(equal: Equal) -> list[Tie]:
    """The cuts that have documents with their reward on both sides."""
    return [Tie(*cut, *counts) for cut, counts in sorted(equal.items()) if all(counts)]
