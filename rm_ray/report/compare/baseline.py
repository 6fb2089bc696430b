"""What a night is compared with: a pinned run, or its last quiet nights."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rm_ray.report.compare.creep import date_of
from rm_ray.report.compare.history import History, PastGroup, PastNight, Said
from rm_ray.report.measure.nights import OTHER, GroupNight, Night, name_of

log = logging.getLogger(__name__)

# Alerts of these rules leave a night in the baseline: a new group is to become an old one, a creep
# is no fault of the night on which it is seen, and documents that failed say nothing of the others.
HARMLESS = {"new", "creep", "failed"}
# From so many quiet nights on, they say how much nights differ besides by chance.
QUIET_NIGHTS = 10
# Of quiet nights, so many stay below a floor.
QUIET_SHARE = 0.95
# Quiet nights that counts are compared with, at most.
REACH = 28


@dataclass(frozen=True)
class BaselineGroup:
    """What a group is compared with."""

    pooled: GroupNight
    """Its last quiet nights together."""
    nights: int
    """How many these are."""
    names: tuple[str, ...] = ()
    """What these are called."""
    quiet: int = 0
    """How many of its quiet nights had a distance from a baseline."""
    floor: float = 0.0
    """The distance that 95% of these stayed below; 0 where there are too few."""
    history: tuple[PastGroup, ...] = ()
    """Its last quiet nights, which counts are compared with, oldest first."""
    came: tuple[int, ...] = ()
    """Its documents night by night, quiet or not, up to the last night on which it came."""

    @property
    def expected(self) -> float:
        """Documents of one night."""
        if self.pooled.label == OTHER and self.history:
            return sum(one.documents for one in self.history) / len(self.history)
        return self.pooled.documents / self.nights


@dataclass(frozen=True)
class Baseline:
    """What a night is compared with."""

    whole: BaselineGroup | None = None
    """Of all documents."""
    groups: dict[str, BaselineGroup] = field(default_factory=dict)
    """By label."""
    names: list[str] = field(default_factory=list)
    """The nights that any of them is pooled from, where it is a history."""
    gone: frozenset[str | None] = frozenset()
    """Groups that had a baseline whose nights are all gone."""
    past: Sequence[PastNight] = ()
    """The nights that counts are looked at in, oldest first."""

    @classmethod
    def of_run(cls, night: Night, nights: int) -> "Baseline":
        """A run of so many nights."""
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
        """The last quiet nights of each group.

        Args:
            history: where they lie.
            past: the nights before, oldest first.
            nights: how many of each group are pooled.
            accept: from which night on a group, by name, or everything ('*'), is as it should
                be.
            night: the name of tonight.
            weekend: days of the week (0 is Monday) that are compared with one another only.
        """
        is_alike = _alike(night, weekend)
        alike = [one for one in past if is_alike(one.night)]
        labels = {label for one in alike[-REACH:] for label in one.groups}
        quiet = {
            label: [name for name in _quiet(label, alike, accept) if is_alike(name)]
            for label in labels
        }
        there = set(history.names())
        chosen = {
            label: tuple(name for name in names if name in there)[-nights:]
            for label, names in quiet.items()
        }
        gone = frozenset(label for label, names in quiet.items() if names and not chosen[label])
        for label in sorted(gone, key=str):
            _warn(label, quiet[label])
        wanted: dict[str, list[str | None]] = {}
        for label, names in chosen.items():
            for name in names:
                wanted.setdefault(name, []).append(label)
        pooled: dict[str | None, list[GroupNight]] = {}
        for one in history.group_nights(dict(sorted(wanted.items()))):
            pooled.setdefault(one.label, []).append(one)
        found: dict[str | None, BaselineGroup] = {}
        for label, theirs in pooled.items():
            if not any(one.documents for one in theirs):
                continue
            with_distance, floor = _floor(label, quiet[label], past)
            found[label] = BaselineGroup(
                pooled=GroupNight.total(label, theirs),
                nights=len(theirs),
                names=chosen[label],
                quiet=with_distance,
                floor=floor,
                history=_nights_of(label, quiet[label], alike),
                came=_came(label, alike[-REACH:]),
            )
        whole = found.pop(None, None)
        groups = {label: group for label, group in found.items() if label is not None}
        return cls(whole=whole, groups=groups, names=sorted(wanted), gone=gone, past=alike)

    def with_counts(self, history: "Baseline") -> "Baseline":
        """With the counts of a history: a run that is as it should be does not say how its nights
        differ.
        """
        groups = {
            label: _with_counts(one, history.groups.get(label))
            for label, one in self.groups.items()
        }
        whole = self.whole and _with_counts(self.whole, history.whole)
        return replace(self, whole=whole, groups=groups, past=history.past)

    def gather(self, kept: Collection[str]) -> "Baseline":
        """With the groups that are not kept as one."""
        rest = [one for label, one in self.groups.items() if label not in kept]
        groups = {label: one for label, one in self.groups.items() if label in kept}
        if rest:
            before = self.groups.get(OTHER)
            history = _others(self.past, set(groups))
            groups[OTHER] = BaselineGroup(
                pooled=GroupNight.total(OTHER, [one.pooled for one in rest]),
                nights=max(one.nights for one in rest),
                names=tuple(sorted({name for one in rest for name in one.names})),
                quiet=before.quiet if before else 0,
                floor=before.floor if before else 0.0,
                history=history,
                came=tuple(one.documents for one in history),
            )
        return replace(self, groups=groups)


def _with_counts(one: BaselineGroup, other: BaselineGroup | None) -> BaselineGroup:
    return replace(one, history=other.history, came=other.came) if other else one


def nightly_means(
    label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]
) -> list[tuple[str, float]]:
    """A group's mean rewards since it was accepted, with the names of the nights; oldest first."""
    since = _since(label, accept)
    mine = [(night.night, night.groups[label]) for night in past if label in night.groups]
    return [(name, one.mean) for name, one in mine if one.mean is not None and name >= since]


def _since(label: str | None, accept: Mapping[str, str]) -> str:
    """The night from which on a group is as it should be; "" for all nights."""
    return max((accept[key] for key in {name_of(label), "*"} if key in accept), default="")


def _alike(night: str, weekend: Collection[int]) -> Callable[[str], bool]:
    """Whether a night, by its name, is of the same kind of day as tonight."""
    today = date_of(night)
    if today is None or not weekend:
        return lambda _: True
    tonight = today.weekday() in weekend

    def is_alike(name: str) -> bool:
        day = date_of(name)
        return (day is not None and day.weekday() in weekend) == tonight

    return is_alike


def _quiet(label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]) -> list[str]:
    """The nights of a group that did not alert, or were accepted, oldest first.

    A night of which no document could be judged is none of them. A night also says what its own
    baseline was: so quiet ones are known that lie farther back than is looked, however long a group
    has alerted since.
    """
    since = _since(label, accept)
    mine = [night for night in past if label in night.groups]
    quiet = {
        night.night for night in mine if night.night == since or _is_quiet(night.groups[label])
    }
    if mine:
        first = mine[0].night
        quiet |= {name for name in mine[-1].groups[label].said.baseline if name < first}
    return sorted(name for name in quiet if name >= since)


def _is_quiet(one: PastGroup) -> bool:
    """Whether a group's night had no alert, and rewards where it had documents."""
    return not set(one.said.alerts) - HARMLESS and (one.scored > 0 or not one.documents)


def _warn(label: str | None, names: Sequence[str]) -> None:
    log.warning(
        "%s: the nights that it was compared with are no longer in the history, %s to %s; it is "
        "compared with nothing tonight, and with tonight from now on",
        name_of(label),
        names[0],
        names[-1],
    )


def _nights_of(
    label: str | None, quiet: Sequence[str], past: Sequence[PastNight]
) -> tuple[PastGroup, ...]:
    """The last quiet nights of a group among these."""
    wanted = set(quiet)
    found = [
        night.groups[label] for night in past if night.night in wanted and label in night.groups
    ]
    return tuple(found[-REACH:])


def _came(label: str | None, past: Sequence[PastNight]) -> tuple[int, ...]:
    """A group's documents night by night; nights since it came last do not count yet."""
    counts = [night.groups[label].documents for night in past if label in night.groups]
    while counts and not counts[-1]:
        counts.pop()
    return tuple(counts)


def _others(past: Sequence[PastNight], kept: set[str]) -> tuple[PastGroup, ...]:
    """What the groups that are not kept had together, night by night; nights that alerted for all
    of them together are left out.
    """
    found = []
    for night in past:
        before = night.groups.get(OTHER)
        known = kept <= night.groups.keys() or before is None
        if not known or (before is not None and not _is_quiet(before)):
            continue  # a group that stands for itself now was among the others then
        rest = [
            one for label, one in night.groups.items() if label is not None and label not in kept
        ]
        found.append(
            PastGroup(
                label=OTHER,
                documents=sum(one.documents for one in rest),
                mean=None,
                quantiles={},
                said=Said(),
                tokens=sum(one.tokens for one in rest),
                scored=sum(one.scored for one in rest),
            )
        )
    return tuple(found[-REACH:])


def _floor(label: str | None, quiet: Sequence[str], past: Sequence[PastNight]) -> tuple[int, float]:
    """From the nights that are quiet: how many, and what 95% of them stayed below."""
    known = {night.night: night.groups[label].said for night in past if label in night.groups}
    effects = [known[name].wasserstein for name in quiet if name in known]
    found = [effect for effect in effects if effect is not None]
    if len(found) < QUIET_NIGHTS:
        return len(found), 0.0
    return len(found), float(np.quantile(found, QUIET_SHARE))
