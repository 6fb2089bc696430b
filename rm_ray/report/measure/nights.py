"""A night group by group, counted from tonight's rewards, from a run or from a history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rm_ray.corpus.groups import group_label, group_name
from rm_ray.counts.histograms import Histogram, Histograms
from rm_ray.counts.moments import Moments
from rm_ray.counts.summable import summed
from rm_ray.report.measure.measured import Measured

# Label and name of the groups that are counted together.
OTHER, OTHERS = "*", "(all others)"
# Label of all documents if there are no columns to group by.
ALL = group_label([])
FAILED = "failed"


@dataclass(frozen=True)
class Repeats:
    """The documents of a group that came before, exact or estimated."""

    earlier: float = 0.0
    """Documents that came on an earlier night too."""
    within: float = 0.0
    """Further documents that came twice in the night itself."""
    error: float = 0.0
    """Standard error of `earlier` and `within` together; 0 if they are exact."""

    @property
    def documents(self) -> float:
        """Return the number of documents that came before."""
        return self.earlier + self.within

    @classmethod
    def total(cls, many: Sequence["Repeats"]) -> "Repeats":
        """Add up groups."""
        return cls(
            sum(one.earlier for one in many),
            sum(one.within for one in many),
            sum(one.error**2 for one in many) ** 0.5,
        )


@dataclass(frozen=True)
class GroupNight:
    """The counts of one group in one night."""

    label: str | None
    """Label of the group; None for all documents."""
    documents: int = 0
    """Documents of the group, with or without a reward."""
    tokens: int = 0
    """Tokens of these documents."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Documents by status."""
    moments: Moments = field(default_factory=Moments)
    """Moments of the rewards."""
    histogram: Histogram = field(default_factory=lambda: Histogram.pool([]))
    """Histogram of the rewards."""
    repeats: Repeats | None = None
    """Documents that came before; None if they are not counted."""
    files: str = ""
    """The files that came, in words; "" if they are not known, and for groups."""

    @property
    def scored(self) -> int:
        """Return the number of documents with a reward."""
        return self.moments.documents

    @property
    def failed(self) -> int:
        """Return the number of documents that could not be scored."""
        return self.statuses.get(FAILED, 0)

    @classmethod
    def total(cls, label: str | None, many: Sequence["GroupNight"]) -> "GroupNight":
        """Add up groups, or nights, under one label."""
        repeats = [group.repeats for group in many if group.repeats is not None]
        return cls(
            label=label,
            documents=sum(group.documents for group in many),
            tokens=sum(group.tokens for group in many),
            statuses=summed(group.statuses for group in many),
            moments=sum((group.moments for group in many), Moments()),
            histogram=Histogram.pool([group.histogram for group in many]),
            repeats=Repeats.total(repeats) if many and len(repeats) == len(many) else None,
        )


@dataclass(frozen=True)
class Night:
    """The counts of one night."""

    whole: GroupNight
    """All documents."""
    groups: dict[str, GroupNight]
    """Groups by label; empty if there are no columns to group by."""
    gathered: int = 0
    """Number of groups that are counted together as `OTHER`."""

    @classmethod
    def of(cls, measured: Measured) -> "Night":
        """Sort counts by group."""
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

    def with_files(self, files: str) -> "Night":
        """Return the night with the files that came, in words."""
        return replace(self, whole=replace(self.whole, files=files))

    def with_repeats(self, repeats: Mapping[str | None, Repeats]) -> "Night":
        """Return the night with the documents that came before.

        Args:
            repeats: by the group's label; None is all documents. Groups without any are left out.
        """
        groups = {
            label: replace(group, repeats=repeats.get(label, Repeats()))
            for label, group in self.groups.items()
        }
        return replace(
            self, whole=replace(self.whole, repeats=repeats.get(None, Repeats())), groups=groups
        )

    def gather(self, kept: Collection[str]) -> "Night":
        """Return the night with the groups that are not kept added up as `OTHER`."""
        groups = {label: group for label, group in self.groups.items() if label in kept}
        rest = [group for label, group in self.groups.items() if label not in kept]
        if rest:
            groups[OTHER] = GroupNight.total(OTHER, rest)
        return Night(self.whole, groups, len(rest))


def largest(night: Night, expected: Mapping[str, float], most: int) -> list[str]:
    """Return the labels of at most `most` groups: groups of the baseline first, then the largest.

    Args:
        night: tonight.
        expected: documents of a usual night, of the groups of the baseline.
        most: how many groups are not counted together.
    """
    labels = [label for label in {**expected, **night.groups} if label != OTHER]

    def order(label: str) -> tuple[bool, float, str]:
        tonight = night.groups[label].documents if label in night.groups else 0
        return label not in expected, -max(tonight, expected.get(label, 0)), label

    return sorted(labels, key=order)[:most]


def name_of(label: str | None) -> str:
    """Return the name of a group, for people."""
    if label is None:
        return "all documents"
    return OTHERS if label == OTHER else group_name(label)
