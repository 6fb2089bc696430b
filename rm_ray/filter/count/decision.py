"""Decides for each document if it is kept, and why. Pure: the same in every pass and copy."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.counts.cells import Cells
from rm_ray.counts.cuts import Cuts, Places
from rm_ray.counts.order import Hashes, Ints
from rm_ray.counts.summable import summed
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.documents import DocumentOrder, Documents, Flags, renumbered
from rm_ray.filter.count.stretches import Stretch

CHOSEN, BEYOND, LEFT_OUT = "chosen", "beyond the cut", "rule.where does not hold"
AGAIN = "left out by itself"
DELETED = "deleted from the table"
APART = "kept, in a group that is not delivered here"

# By group, kept or not, and the reason: how many documents, and their tokens.
Outcomes = dict[tuple[str, bool, str], tuple[int, int]]


def total_outcomes(many: Iterable[Outcomes]) -> Outcomes:
    """Return the sum of outcomes."""
    return summed(many)


@dataclass(frozen=True)
class Decision:
    """A decision tells of some documents if each is kept, and why."""

    documents: Documents
    """The documents."""
    kept: Flags
    """True for each document that is kept."""
    beyond: Ints
    """For each eligible document (it has a reward and counts): how many cuts it is beyond."""
    places: Places
    """The place in the order of each eligible document."""
    reasons: list[str]
    """The reasons, by number."""
    why: Ints
    """The number of each document's reason."""

    def outcomes(self) -> Outcomes:
        """Count documents and tokens by group, kept or not, and reason."""
        groups, reasons = self.documents.groups, len(self.reasons)
        codes = (self.documents.codes * 2 + self.kept) * reasons + self.why
        counted = Cells.count(codes, self.documents.tokens)
        outcomes: Outcomes = {}
        for code, *count in zip(*(c.tolist() for c in vars(counted).values()), strict=True):
            rest, reason = divmod(code, reasons)
            outcomes[groups[rest // 2], bool(rest % 2), self.reasons[reason]] = (count[0], count[1])
        return outcomes

    def buckets(self, number: int) -> pa.Array:
        """Return the bucket of each document, 0 the worst of `number` buckets; null for a document
        that is not kept.
        """
        buckets = np.zeros(len(self.kept), np.int32)
        buckets[self.documents.eligible] = number - 1 - self.beyond
        return pa.array(buckets, mask=~self.kept)

    def nearest(self, group: int, count: int) -> tuple[Ints, Ints]:
        """Return indices into `places` of documents next to a group's first cut, in no order: the
        last `count` documents before the cut, and the first `count` beyond it.
        """
        in_group = self.places.groups == group
        close = (self.places.keys.astype(np.uint64) << np.uint64(32)) | (
            self.places.hashes >> np.uint64(32)
        )
        before = np.flatnonzero(in_group & (self.beyond == 0))
        after = np.flatnonzero(in_group & (self.beyond > 0))
        return before[_least(~close[before], count)], after[_least(close[after], count)]


def decide(documents: Documents, stretch: Stretch, config: FilterConfig, cuts: Cuts) -> Decision:
    """Apply a rule and its cuts to documents."""
    rule, eligible = config.rule, documents.eligible
    documents = renumbered(
        documents, [*cuts.groups, *sorted(set(documents.groups) - set(cuts.groups))]
    )
    places = DocumentOrder(rule.seed, rule.temperature).places(documents, stretch, eligible)
    beyond = cuts.beyond(documents.groups, places, stretch.file)
    statuses = pc.dictionary_encode(documents.statuses)
    reasons = [CHOSEN, BEYOND, LEFT_OUT, APART, AGAIN, DELETED]
    reasons += [f"no reward: {status}" for status in statuses.dictionary.to_pylist()]
    why = statuses.indices.to_numpy().astype(np.int64) + 6
    why[eligible] = np.where(beyond > 0, 1, 0)
    why[~documents.counts & documents.scored] = 2
    why[documents.again & documents.scored] = 4
    kept = documents.has | (rule.null_rewards == "keep")
    kept &= documents.counts
    if not config.output.buckets:
        kept[eligible] = beyond == 0
    else:
        why[eligible] = 0
    kept = ~kept if rule.invert else kept
    # these are no documents of the rule, so its inverse does not keep them
    kept &= ~(documents.deleted | documents.again)
    why[kept & ~documents.written] = 3
    why[documents.deleted] = 5
    return Decision(
        documents=documents,
        kept=kept & documents.written,
        beyond=beyond,
        places=places,
        reasons=reasons,
        why=why,
    )


def _least(values: Hashes, count: int) -> Ints:
    """Return the indices of the `count` smallest values, in no order."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(values, count)[:count]
