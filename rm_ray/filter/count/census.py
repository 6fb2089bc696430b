"""Counts the effect of a rule on all documents: how many are kept, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rm_ray.corpus.groups import group_label
from rm_ray.counts.cells import DIGIT_BITS, Cells
from rm_ray.counts.cuts import Cuts
from rm_ray.counts.order import KEY_BITS, below_as_float32, keys_of
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.decision import Decision, Outcomes, decide, total_outcomes
from rm_ray.filter.count.documents import check_groups
from rm_ray.filter.count.reader import RewardsReader
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.count.ties import Equal, Tie, equal_to_cuts, merged, parted

# Documents that are shown on either side of a cut, and groups for which they are shown.
BESIDE, SHOWN_GROUPS = 3, 5


@dataclass(frozen=True)
class Beside:
    """Describes a document next to a cut."""

    group: str
    """The label of the document's group."""
    before: bool
    """True if the document is before the cut, False if it is beyond."""
    order: tuple[int, int, str, int]
    """The document's place in the order: key, hash, file and row."""
    reward: float | int
    """The document's reward, without noise."""


@dataclass(frozen=True)
class Census:
    """The census counts the effect of a rule on all documents."""

    kept: Cells
    """Kept documents and their tokens, by unit (Stretch)."""
    outcomes: Outcomes
    """Documents and tokens, by group, kept or not, and reason."""
    rewards: Cells
    """Documents that have a reward and count, by the upper half of their keys as float32."""
    beside: list[Beside] = field(default_factory=list)
    """The documents next to the cuts of the first few groups."""
    equal: Equal = field(default_factory=dict)
    """Documents with exactly the reward of a cut, by group and cut: how many are before the cut,
    and how many are beyond it.
    """

    def cut_ties(self) -> list[Tie]:
        """Return the cuts that separate documents with equal rewards."""
        return parted(self.equal)

    def least_kept(self, cuts: Cuts) -> float | int | None:
        """Return the least kept reward if a threshold there keeps the same documents, else None.

        A threshold does so if there is only one cut, for all documents, and it separates no equal
        rewards.
        """
        only_one = (
            len(cuts.groups) == 1 and len(cuts.cuts[0]) == 1 and cuts.groups == [group_label([])]
        )
        if not only_one or cuts.cuts[0][0] is None or self.cut_ties():
            return None
        before = [document for document in self.beside if document.before]
        return before[-1].reward if before else None

    @classmethod
    def merge(cls, many: Sequence["Census"]) -> "Census":
        """Return the sum, with the nearest documents to each cut among all.

        Raises:
            InputError: there are more than MOST_GROUPS groups.
        """
        outcomes = total_outcomes(census.outcomes for census in many)
        check_groups({group for group, _, _ in outcomes})
        return cls(
            kept=Cells.merge([census.kept for census in many]),
            outcomes=outcomes,
            rewards=Cells.merge([census.rewards for census in many]),
            beside=_nearest([document for census in many for document in census.beside]),
            equal=merged(census.equal for census in many),
        )


def census_of(stretch: Stretch, reader: RewardsReader, config: FilterConfig, cuts: Cuts) -> Census:
    """Take the census of one stretch's documents."""
    decision = decide(reader.read(stretch), stretch, config, cuts)
    documents = decision.documents
    kept = decision.kept
    units = stretch.units_of(documents.rows[kept])
    # keys of the rewards themselves, even if the order has noise
    keys, _ = keys_of(below_as_float32(documents.reward[documents.eligible]))
    beside = []
    known = dict(zip(cuts.groups, cuts.cuts, strict=True))
    for group, label in enumerate(documents.groups[:SHOWN_GROUPS]):
        cut = (known.get(label, cuts.otherwise) or [None])[0]
        if cut is None or config.output.buckets:
            continue
        for before, indices in zip((True, False), decision.nearest(group, BESIDE), strict=True):
            beside += [
                _beside(decision, stretch, group=label, before=before, at=at)
                for at in indices.tolist()
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
    """Return the documents nearest to the cuts of the first few groups, best first."""
    nearest: list[Beside] = []
    for group in sorted({document.group for document in documents})[:SHOWN_GROUPS]:
        in_order = sorted((d for d in documents if d.group == group), key=lambda d: d.order)
        before = [document for document in in_order if document.before]
        nearest += before[-BESIDE:] + [d for d in in_order if not d.before][:BESIDE]
    return nearest
