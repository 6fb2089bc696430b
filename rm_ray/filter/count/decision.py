"""What becomes of each document, and why: pure, the same in every pass and in every copy."""

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
from rm_ray.filter.count.documents import Documents, Flags, Order, renumbered
from rm_ray.filter.count.stretches import Stretch

CHOSEN, BEYOND, LEFT_OUT = "chosen", "beyond the cut", "rule.where does not hold"

# Outcomes by group, whether they are kept, and why: documents and tokens.
Outcomes = dict[tuple[str, bool, str], tuple[int, int]]


def total_outcomes(many: Iterable[Outcomes]) -> Outcomes:
    """The sum of outcomes."""
    return summed(many)


@dataclass(frozen=True)
class Decision:
    """Of documents. `beyond`: how many cuts each is beyond, of those that have a reward and count;
    `places`: theirs in the order. `reasons`: by number, `why`: the number of each document's.
    """

    documents: Documents
    kept: Flags
    beyond: Ints
    places: Places
    reasons: list[str]
    why: Ints

    def outcomes(self) -> Outcomes:
        """How many documents had which."""
        groups, reasons = self.documents.groups, len(self.reasons)
        what = (self.documents.codes * 2 + self.kept) * reasons + self.why
        counted = Cells.count(what, self.documents.tokens)
        found: Outcomes = {}
        for code, *count in zip(*(c.tolist() for c in vars(counted).values()), strict=True):
            rest, reason = divmod(code, reasons)
            found[groups[rest // 2], bool(rest % 2), self.reasons[reason]] = (count[0], count[1])
        return found

    def buckets(self, number: int) -> pa.Array:
        """The bucket of each document, 0 the worst; null for a document that is not kept."""
        found = np.zeros(len(self.kept), np.int32)
        found[self.documents.eligible] = number - 1 - self.beyond
        return pa.array(found, mask=~self.kept)

    def nearest(self, group: int, count: int) -> tuple[Ints, Ints]:
        """The places of the last documents of a group before its first cut, and of the first ones
        beyond it, in no order.
        """
        theirs = self.places.groups == group
        close = (self.places.keys.astype(np.uint64) << np.uint64(32)) | (
            self.places.hashes >> np.uint64(32)
        )
        before = np.flatnonzero(theirs & (self.beyond == 0))
        after = np.flatnonzero(theirs & (self.beyond > 0))
        return before[_least(~close[before], count)], after[_least(close[after], count)]


def decide(documents: Documents, stretch: Stretch, config: FilterConfig, cuts: Cuts) -> Decision:
    """Apply a rule and its cuts."""
    rule, eligible = config.rule, documents.eligible
    documents = renumbered(
        documents, [*cuts.groups, *sorted(set(documents.groups) - set(cuts.groups))]
    )
    places = Order(rule.seed, rule.temperature).places(documents, stretch, eligible)
    beyond = cuts.beyond(documents.groups, places, stretch.file)
    statuses = pc.dictionary_encode(documents.statuses)
    reasons = [CHOSEN, BEYOND, LEFT_OUT]
    reasons += [f"no reward: {status}" for status in statuses.dictionary.to_pylist()]
    why = statuses.indices.to_numpy().astype(np.int64) + 3
    why[eligible] = np.where(beyond > 0, 1, 0)
    why[~documents.counts & documents.scored] = 2
    kept = documents.has | (rule.null_rewards == "keep")
    kept &= documents.counts
    if not config.output.buckets:
        kept[eligible] = beyond == 0
    else:
        why[eligible] = 0
    return Decision(
        documents=documents,
        kept=~kept if rule.invert else kept,
        beyond=beyond,
        places=places,
        reasons=reasons,
        why=why,
    )


def _least(values: Hashes, count: int) -> Ints:
    """Where the smallest few are."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(values, count)[:count]
