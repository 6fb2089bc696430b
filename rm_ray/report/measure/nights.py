"""A night group by group, whatever it was counted from: tonight's rewards, a run, a history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rm_ray.counts.histograms import Histogram, Histograms
from rm_ray.counts.moments import Moments
from rm_ray.counts.summable import summed
from rm_ray.report.measure.measured import Measured
from rm_ray.scored.groups import group_label, group_name

# Label of the groups that are counted together, and what they are called.
OTHER, OTHERS = "*", "(all others)"
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
        return cls(
            label=label,
            documents=sum(one.documents for one in many),
            tokens=sum(one.tokens for one in many),
            statuses=summed(one.statuses for one in many),
            moments=sum((one.moments for one in many), Moments()),
            histogram=Histogram.pool([one.histogram for one in many]),
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
        by_label: dict[str, dict[str, tuple[int, int]]] = {}
        for (label, status), count in measured.statuses.items():
            by_label.setdefault(label, {})[status] = count
        for label, counts in by_label.items():
            cells = histograms.cells.of_group(numbers[label]) if label in numbers else None
            groups[label] = GroupNight(
                label=label,
                documents=sum(documents for documents, _ in counts.values()),
                tokens=sum(tokens for _, tokens in counts.values()),
                statuses={status: documents for status, (documents, _) in counts.items()},
                moments=measured.moments.get(label, Moments()),
                histogram=cells or Histogram.pool([]),
            )
        whole = GroupNight.total(None, list(groups.values()))
        groups.pop(ALL, None)
        return cls(whole, groups)

    def gather(self, kept: Collection[str]) -> "Night":
        """With the groups that are not kept as one."""
        groups = {label: one for label, one in self.groups.items() if label in kept}
        rest = [one for label, one in self.groups.items() if label not in kept]
        if rest:
            groups[OTHER] = GroupNight.total(OTHER, rest)
        return Night(self.whole, groups, len(rest))


def largest(night: Night, expected: Mapping[str, float], most: int) -> list[str]:
    """Labels of at most so many groups that stand for themselves: those of the baseline, then the
    largest.

    Args:
        expected: documents of those of the baseline.
    """
    labels = [label for label in {**expected, **night.groups} if label != OTHER]

    def order(label: str) -> tuple[bool, float, str]:
        tonight = night.groups[label].documents if label in night.groups else 0
        return label not in expected, -max(tonight, expected.get(label, 0)), label

    return sorted(labels, key=order)[:most]


def name_of(label: str | None) -> str:
    """A group as a person reads it."""
    if label is None:
        return "all documents"
    return OTHERS if label == OTHER else group_name(label)
