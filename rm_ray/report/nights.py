"""A night group by group, whatever it was counted from: tonight's rewards, a run, a history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from rm_ray.corpus.groups import group_label, group_name
from rm_ray.counts.histograms import Histogram, Histograms
from rm_ray.counts.moments import Moments
from rm_ray.report.measured import Measured

# Label of the groups that are counted together, and what they are called.
OTHER, OTHERS = "*", "all others"
# The label of all documents, where there are no columns to group by.
ALL = group_label([])
FAILED = "failed"


@dataclass(frozen=True)
class GroupNight:
    """One night of a group. `label`: None for all documents. `moments` and `histogram`: of those
    with a reward.
    """

    label: str | None
    documents: int = 0
    tokens: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    moments: Moments = field(default_factory=Moments)
    histogram: Histogram = field(default_factory=lambda: Histogram.pool([]))

    @property
    def scored(self) -> int:
        """Documents with a reward."""
        return self.moments.documents

    @property
    def failed(self) -> int:
        """Documents that could not be scored."""
        return self.statuses.get(FAILED, 0)

    @classmethod
    def total(cls, label: str | None, many: Sequence["GroupNight"]) -> "GroupNight":
        """All of them together."""
        statuses: dict[str, int] = {}
        for one in many:
            for status, documents in one.statuses.items():
                statuses[status] = statuses.get(status, 0) + documents
        return cls(
            label,
            sum(one.documents for one in many),
            sum(one.tokens for one in many),
            dict(sorted(statuses.items())),
            sum((one.moments for one in many), Moments()),
            Histogram.pool([one.histogram for one in many]),
        )


@dataclass(frozen=True)
class Night:
    """A night. `groups`: by label, none where there are no columns to group by."""

    whole: GroupNight
    groups: dict[str, GroupNight]
    gathered: int = 0

    @classmethod
    def of(cls, measured: Measured) -> "Night":
        """From what was counted."""
        histograms = measured.histograms
        assert isinstance(histograms.cells, Histograms)
        numbers = {label: number for number, label in enumerate(histograms.groups)}
        groups = {}
        for label in measured.groups:
            counts = {s: n for (group, s), n in measured.statuses.items() if group == label}
            cells = histograms.cells.of_group(numbers[label]) if label in numbers else None
            groups[label] = GroupNight(
                label,
                sum(documents for documents, _ in counts.values()),
                sum(tokens for _, tokens in counts.values()),
                {status: documents for status, (documents, _) in counts.items()},
                measured.moments.get(label, Moments()),
                cells or Histogram.pool([]),
            )
        whole = GroupNight.total(None, list(groups.values()))
        groups.pop(ALL, None)
        return cls(whole, groups)

    def gather(self, first: Collection[str], most: int) -> "Night":
        """With at most so many groups that stand for themselves, and the others as one.

        Args:
            first: labels that come before larger ones.
        """
        order = sorted(
            self.groups,
            key=lambda label: (label not in first, -self.groups[label].documents, label),
        )
        kept = {label: self.groups[label] for label in order[:most]}
        rest = [self.groups[label] for label in order[most:]]
        if rest:
            kept[OTHER] = GroupNight.total(OTHER, rest)
        return Night(self.whole, kept, len(rest))


def name_of(label: str | None) -> str:
    """A group as a person reads it."""
    if label is None:
        return "all documents"
    return OTHERS if label == OTHER else group_name(label)
