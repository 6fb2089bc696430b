"""The baseline of a night: a pinned run, or the last quiet nights of each group."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rm_ray.report.compare.history import GroupResult, History, PastGroup, PastNight
from rm_ray.report.measure.dates import date_of
from rm_ray.report.measure.nights import OTHER, GroupNight, Night, name_of

log = logging.getLogger(__name__)

# A night with alerts of these rules is still quiet. A new group has to become an old one. A creep
# is not the fault of the night on which it is seen. Failed documents say nothing about the others.
# The rewards of repeated documents are as usual.
HARMLESS = {"new", "creep", "failed", "repeated"}
# So many quiet nights show how much nights differ besides by chance; fewer do not.
QUIET_NIGHTS = 10
# Share of the quiet nights that stay below the floor.
QUIET_SHARE = 0.95
# Counts are compared with at most so many quiet nights.
REACH = 28


@dataclass(frozen=True)
class BaselineGroup:
    """The baseline of one group."""

    pooled: GroupNight
    """The group's last quiet nights, added up."""
    nights: int
    """Number of the nights in `pooled`."""
    names: tuple[str, ...] = ()
    """Names of the nights in `pooled`."""
    quiet: int = 0
    """Number of the group's quiet nights that had a distance from a baseline."""
    floor: float = 0.0
    """95% of those nights had a smaller distance, in sd of the baseline; 0 if they are too few."""
    history: tuple[PastGroup, ...] = ()
    """The group's last quiet nights, at most 28, oldest first. Counts are compared with them."""
    came: tuple[int, ...] = ()
    """The group's documents on each night, quiet or not, up to the last night with a document."""

    @property
    def expected(self) -> float:
        """Return the documents of one night, on average."""
        if self.pooled.label == OTHER and self.history:
            return sum(night.documents for night in self.history) / len(self.history)
        return self.pooled.documents / self.nights


@dataclass(frozen=True)
class Baseline:
    """The baseline of all groups of a night."""

    whole: BaselineGroup | None = None
    """Baseline of all documents; None if there is no baseline."""
    groups: dict[str, BaselineGroup] = field(default_factory=dict)
    """Baselines of the groups, by label."""
    names: list[str] = field(default_factory=list)
    """Names of all nights that a group is pooled from; empty if the baseline is a run."""
    gone: frozenset[str | None] = frozenset()
    """Labels of groups whose baseline is lost: none of their nights is in the history any more."""
    past: Sequence[PastNight] = ()
    """Nights that counts are compared with, oldest first."""

    @classmethod
    def of_run(cls, night: Night, nights: int) -> "Baseline":
        """Make a baseline of a pinned run.

        Args:
            night: the counts of the run.
            nights: number of nights that the run counts for.
        """
        if not night.whole.documents:
            return cls()
        groups = {label: BaselineGroup(group, nights) for label, group in night.groups.items()}
        return cls(BaselineGroup(night.whole, nights), groups)

    @classmethod
    def of_history(
        cls,
        history: History,
        past: Sequence[PastNight],
        nights: int,
        accept: Mapping[str, str],
        night: str = "",
        weekend: Collection[int] = (),
    ) -> "Baseline":
        """Pool the last quiet nights of each group.

        Args:
            history: the files of the nights.
            past: the nights before, oldest first.
            nights: number of nights to pool, of each group.
            accept: the first night on which a group's rewards are right again, by the group's
                name; '*' is every group.
            night: the name of tonight.
            weekend: days of the week (0 is Monday) that are compared with each other only.
        """
        is_alike = _alike(night, weekend)
        alike = [before for before in past if is_alike(before.night)]
        labels = {label for before in alike[-REACH:] for label in before.groups}
        quiet = {
            label: [name for name in _quiet(label, alike, accept) if is_alike(name)]
            for label in labels
        }
        stored = set(history.names())
        chosen = {
            label: tuple(name for name in names if name in stored)[-nights:]
            for label, names in quiet.items()
        }
        gone = frozenset(label for label, names in quiet.items() if names and not chosen[label])
        for label in sorted(gone, key=str):
            _warn(label, quiet[label])
        labels_of: dict[str, list[str | None]] = {}
        for label, names in chosen.items():
            for name in names:
                labels_of.setdefault(name, []).append(label)
        nights_of: dict[str | None, list[GroupNight]] = {}
        for group_night in history.group_nights(dict(sorted(labels_of.items()))):
            nights_of.setdefault(group_night.label, []).append(group_night)
        baselines: dict[str | None, BaselineGroup] = {}
        for label, group_nights in nights_of.items():
            if not any(group_night.documents for group_night in group_nights):
                continue
            with_distance, floor = _floor(label, quiet[label], past)
            baselines[label] = BaselineGroup(
                pooled=GroupNight.total(label, group_nights),
                nights=len(group_nights),
                names=chosen[label],
                quiet=with_distance,
                floor=floor,
                history=_nights_of(label, quiet[label], alike),
                came=_came(label, alike[-REACH:]),
            )
        whole = baselines.pop(None, None)
        groups = {label: group for label, group in baselines.items() if label is not None}
        return cls(whole=whole, groups=groups, names=sorted(labels_of), gone=gone, past=alike)

    def with_counts(self, history: "Baseline") -> "Baseline":
        """Return this baseline of a run, with the counts of a history.

        A run has no single nights, so it does not show how much the counts of nights differ.
        """
        groups = {
            label: _with_counts(group, history.groups.get(label))
            for label, group in self.groups.items()
        }
        whole = self.whole and _with_counts(self.whole, history.whole)
        return replace(self, whole=whole, groups=groups, past=history.past)

    def gather(self, kept: Collection[str]) -> "Baseline":
        """Return the baseline with the groups that are not kept added up as `OTHER`."""
        rest = [group for label, group in self.groups.items() if label not in kept]
        groups = {label: group for label, group in self.groups.items() if label in kept}
        if rest:
            before = self.groups.get(OTHER)
            history = _others(self.past, set(groups))
            groups[OTHER] = BaselineGroup(
                pooled=GroupNight.total(OTHER, [group.pooled for group in rest]),
                nights=max(group.nights for group in rest),
                names=tuple(sorted({name for group in rest for name in group.names})),
                quiet=before.quiet if before else 0,
                floor=before.floor if before else 0.0,
                history=history,
                came=tuple(group.documents for group in history),
            )
        return replace(self, groups=groups)


def _with_counts(group: BaselineGroup, counted: BaselineGroup | None) -> BaselineGroup:
    return replace(group, history=counted.history, came=counted.came) if counted else group


def nightly_means(
    label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]
) -> list[tuple[str, float]]:
    """Return the nights since a group was accepted, with its mean rewards; oldest first."""
    since = accepted_since(label, accept)
    nights = [(night.night, night.groups[label]) for night in past if label in night.groups]
    return [
        (name, group.mean) for name, group in nights if group.mean is not None and name >= since
    ]


def accepted_since(label: str | None, accept: Mapping[str, str]) -> str:
    """Return the first night on which a group is right again; "" if all nights are right."""
    return max((accept[key] for key in {name_of(label), "*"} if key in accept), default="")


def _alike(night: str, weekend: Collection[int]) -> Callable[[str], bool]:
    """Return a function that tells if a night, by its name, is the same kind of day as tonight."""
    today = date_of(night)
    if today is None or not weekend:
        return lambda _: True
    tonight = today.weekday() in weekend

    def is_alike(name: str) -> bool:
        day = date_of(name)
        return (day is not None and day.weekday() in weekend) == tonight

    return is_alike


def _quiet(label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]) -> list[str]:
    """Return the nights of a group that did not alert, or were accepted; oldest first.

    A night with documents but without a reward is not quiet. Each night also stores the names of
    its own baseline, so quiet nights before `past` are known, however long a group has alerted.
    """
    since = accepted_since(label, accept)
    nights = [night for night in past if label in night.groups]
    quiet = {
        night.night for night in nights if night.night == since or _is_quiet(night.groups[label])
    }
    if nights:
        first = nights[0].night
        quiet |= {name for name in nights[-1].groups[label].said.baseline if name < first}
    return sorted(name for name in quiet if name >= since)


def _is_quiet(night: PastGroup) -> bool:
    """Return True if a group's night had no alert, and had rewards if it had documents."""
    return not set(night.said.alerts) - HARMLESS and (night.scored > 0 or not night.documents)


def _warn(label: str | None, names: Sequence[str]) -> None:
    log.warning(
        "%s: all nights of its baseline, %s to %s, are missing from the history; it is compared "
        "with nothing tonight, and with tonight from now on",
        name_of(label),
        names[0],
        names[-1],
    )


def _nights_of(
    label: str | None, quiet: Sequence[str], past: Sequence[PastNight]
) -> tuple[PastGroup, ...]:
    """Return the last quiet nights of a group, with their counts."""
    quiet_names = set(quiet)
    nights = [
        night.groups[label]
        for night in past
        if night.night in quiet_names and label in night.groups
    ]
    return tuple(nights[-REACH:])


def _came(label: str | None, past: Sequence[PastNight]) -> tuple[int, ...]:
    """Return a group's documents on each night, up to the last night with a document.

    The nights of its only outage that alerted are left out: one outage is no sign that the group
    stays away now and then, and would hide the next one.
    """
    nights = [night.groups[label] for night in past if label in night.groups]
    while nights and not nights[-1].documents:
        nights.pop()
    outage = [not night.documents and "missing" in night.said.alerts for night in nights]
    outages = sum(out and not before for before, out in zip([False, *outage], outage, strict=False))
    known = [
        night.documents for night, out in zip(nights, outage, strict=True) if not out or outages > 1
    ]
    return tuple(known)


def _others(past: Sequence[PastNight], kept: set[str]) -> tuple[PastGroup, ...]:
    """Add up the groups that are not kept, on each night.

    Nights on which `OTHER` alerted are left out.
    """
    nights = []
    for night in past:
        before = night.groups.get(OTHER)
        known = kept <= night.groups.keys() or before is None
        if not known or (before is not None and not _is_quiet(before)):
            continue  # the night counted a group that is kept now in OTHER
        rest = [
            group
            for label, group in night.groups.items()
            if label is not None and label not in kept
        ]
        nights.append(
            PastGroup(
                label=OTHER,
                documents=sum(group.documents for group in rest),
                mean=None,
                quantiles={},
                said=GroupResult(),
                tokens=sum(group.tokens for group in rest),
                scored=sum(group.scored for group in rest),
                repeated=_sum_of_known([group.repeated for group in rest]),
            )
        )
    return tuple(nights[-REACH:])


def _sum_of_known(numbers: Sequence[float | None]) -> float | None:
    """Return the sum; None if there is no number, or one is not known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _floor(label: str | None, quiet: Sequence[str], past: Sequence[PastNight]) -> tuple[int, float]:
    """Return the number of quiet nights with a distance, and the distance 95% are below.

    A night that alerted and was accepted is the first of a new baseline. Its own distance is from
    the old one, so it is left out.
    """
    said_of = {night.night: night.groups[label].said for night in past if label in night.groups}
    known_distances = [
        said_of[name].wasserstein
        for name in quiet
        if name in said_of and not set(said_of[name].alerts) - HARMLESS
    ]
    distances = [effect for effect in known_distances if effect is not None]
    if len(distances) < QUIET_NIGHTS:
        return len(distances), 0.0
    return len(distances), float(np.quantile(distances, QUIET_SHARE))
