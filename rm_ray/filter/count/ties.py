"""Finds documents with equal rewards on both sides of a cut. A hash has decided between these
documents, and the user is told so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rm_ray.counts.cuts import Cut, Cuts
from rm_ray.counts.summable import summed
from rm_ray.filter.count.decision import Decision

# By group and number of the cut: how many documents with the cut's reward are before the cut, and
# how many are beyond it.
Equal = dict[tuple[str, int], tuple[int, int]]
# Stands for a missing cut, or a fixed cut: no document has this key.
NOWHERE = Cut(-1, 0, "", 0)


@dataclass(frozen=True)
class Tie:
    """A tie is a cut that separates documents with equal rewards."""

    group: str
    """The group's label."""
    cut: int
    """The number of the cut in its group, best first."""
    before: int
    """Documents with the reward of the cut that are before it."""
    beyond: int
    """Documents with the reward of the cut that are beyond it."""

    def said(self) -> str:
        """Describe the tie for people."""
        return (
            f"{self.before + self.beyond:,} documents have exactly the reward of cut "
            f"{self.cut + 1}; a hash put {self.before:,} before it and {self.beyond:,} beyond it"
        )


def equal_to_cuts(decision: Decision, cuts: Cuts, kind: str) -> Equal:
    """Count the documents whose reward equals the reward at a cut of their group.

    Args:
        decision: the decision on documents of one file.
        cuts: the cuts of all groups.
        kind: the kind of the numbers that documents are ordered by.
    """
    places, groups, by_group = cuts.of_present(decision.documents.groups, decision.places)
    width = len(by_group[0]) if by_group else 0
    finer = places.hashes >> np.uint64(32)
    equal: Equal = {}
    for number in range(width):
        cuts_at = (group_cuts[number] for group_cuts in by_group)
        at = [cut if cut and cut.file else NOWHERE for cut in cuts_at]
        same = places.keys == np.array([cut.key for cut in at], np.int64)[places.groups]
        if kind != "float32":
            same &= finer == np.array([cut.hash >> 32 for cut in at], np.uint64)[places.groups]
        before = decision.beyond <= number
        counted = [np.bincount(places.groups[same & side], minlength=len(groups)).tolist()
                   for side in (before, ~before)]  # fmt: skip
        for group, counts in zip(groups, zip(*counted, strict=True), strict=True):
            if any(counts):
                equal[group, number] = counts
    return equal


def merged(many: Iterable[Equal]) -> Equal:
    """Return the sum over files."""
    return summed(many)


def parted(equal: Equal) -> list[Tie]:
    """Return the cuts that have documents of equal reward on both sides."""
    return [Tie(*cut, *counts) for cut, counts in sorted(equal.items()) if all(counts)]
