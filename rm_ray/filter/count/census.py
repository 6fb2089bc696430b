"""What a rule does to all documents: how many are kept, where, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rm_ray.counts.cells import DIGIT_BITS, Cells
from rm_ray.counts.cuts import Cuts
from rm_ray.counts.order import KEY_BITS, keys_of
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.decision import Decision, Outcomes, decide, total_outcomes
from rm_ray.filter.count.documents import check_groups
from rm_ray.filter.count.reader import Reader
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.count.ties import Equal, Tie, equal_to_cuts, merged, parted
from rm_ray.scored.groups import group_label

# Documents on either side of a cut that are shown, of so many groups.
BESIDE, SHOWN_GROUPS = 3, 5


@dataclass(frozen=True)
class Beside:
    """A document next to a cut: before it, so kept, or beyond it."""

    group: str
    before: bool
    order: tuple[int, int, str, int]
    reward: float | int


@dataclass(frozen=True)
class Census:
    """What a rule does to all documents.

    `kept`: by unit (Stretch), of those kept. `outcomes`: documents and tokens by group, whether
    they are kept, and why. `rewards`: those with a reward for which the condition holds, by the
    upper half of their keys.
    """

    kept: Cells
    outcomes: Outcomes
    rewards: Cells
    beside: list[Beside] = field(default_factory=list)
    equal: Equal = field(default_factory=dict)
    """Documents with the very reward of a cut, by group and cut: before it, and beyond it."""

    def cut_ties(self) -> list[Tie]:
        """The cuts that part documents with equal rewards."""
        return parted(self.equal)

    def least_kept(self, cuts: Cuts) -> float | int | None:
        """The least reward that is kept, where a threshold there keeps the same documents.

        That is so where all documents have one cut, and it parts no equal rewards.
        """
        one = len(cuts.groups) == 1 and len(cuts.cuts[0]) == 1 and cuts.groups == [group_label([])]
        if not one or cuts.cuts[0][0] is None or self.cut_ties():
            return None
        before = [document for document in self.beside if document.before]
        return before[-1].reward if before else None

    @classmethod
    def merge(cls, many: Sequence["Census"]) -> "Census":
        """The sum, with the documents next to the cuts of all.

        Raises:
            InputError: there are more groups than groups there can be.
        """
        outcomes = total_outcomes(one.outcomes for one in many)
        check_groups({group for group, _, _ in outcomes})
        return cls(
            kept=Cells.merge([one.kept for one in many]),
            outcomes=outcomes,
            rewards=Cells.merge([one.rewards for one in many]),
            beside=_nearest([document for one in many for document in one.beside]),
            equal=merged(one.equal for one in many),
        )


def census_of(stretch: Stretch, reader: Reader, config: FilterConfig, cuts: Cuts) -> Census:
    """Of the documents of one stretch."""
    decision = decide(reader.read(stretch), stretch, config, cuts)
    documents = decision.documents
    kept = decision.kept
    units = stretch.units_of(documents.rows[kept])
    # by reward, also where the order has noise
    keys, _ = keys_of(documents.reward[documents.eligible])
    beside = []
    known = dict(zip(cuts.groups, cuts.cuts, strict=True))
    for group, label in enumerate(documents.groups[:SHOWN_GROUPS]):
        cut = (known.get(label, cuts.otherwise) or [None])[0]
        if cut is None or config.output.buckets:
            continue
        for before, found in zip((True, False), decision.nearest(group, BESIDE), strict=True):
            beside += [
                _beside(decision, stretch, group=label, before=before, at=at)
                for at in found.tolist()
            ]
    return Census(
        kept=Cells.count(units, documents.tokens[kept]),
        outcomes=decision.outcomes(),
        rewards=Cells.count(keys >> (KEY_BITS - DIGIT_BITS), documents.tokens[documents.eligible]),
        beside=beside,
        equal=equal_to_cuts(decision, cuts, reader.kind) if config.rule.temperature is None else {},
    )


def _beside(decision: Decision, stretch: Stretch, group: str, before: bool, at: int) -> Beside:
    places = decision.places
    row = int(places.rows[at])
    reward = decision.documents.reward[int(np.searchsorted(decision.documents.rows, row))]
    order = int(places.keys[at]), int(places.hashes[at]), stretch.file, row
    return Beside(group, before, order, reward.item())


def _nearest(documents: Sequence[Beside]) -> list[Beside]:
    """Those next to the cuts of the first few groups, on either side, best first."""
    found: list[Beside] = []
    for group in sorted({document.group for document in documents})[:SHOWN_GROUPS]:
        theirs = sorted((d for d in documents if d.group == group), key=lambda d: d.order)
        before = [document for document in theirs if document.before]
        found += before[-BESIDE:] + [d for d in theirs if not d.before][:BESIDE]
    return found
