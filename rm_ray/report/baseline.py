"""What a night is compared with: a pinned run, or its last quiet nights."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rm_ray.report.history import History, PastNight
from rm_ray.report.nights import OTHER, GroupNight, Night, name_of

# Alerts of these rules leave a night in the baseline: a new group is to become an old one.
HARMLESS = {"new"}
# From so many quiet nights on, they say how much nights differ besides by chance.
QUIET_NIGHTS = 10
# Of quiet nights, so many stay below a floor.
QUIET_SHARE = 0.95


@dataclass(frozen=True)
class BaselineGroup:
    """Of a group. `pooled`: its `nights` nights together, which are called `names`. `floor`: what
    95% of its `quiet` nights stayed below, of the distance; 0 where there are too few.
    """

    pooled: GroupNight
    nights: int
    names: tuple[str, ...] = ()
    quiet: int = 0
    floor: float = 0.0

    @property
    def expected(self) -> float:
        """Documents of one night."""
        return self.pooled.documents / self.nights


@dataclass(frozen=True)
class Baseline:
    """`groups`: by label. `names`: of nights, where it is a history."""

    whole: BaselineGroup | None = None
    groups: dict[str, BaselineGroup] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

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
    ) -> "Baseline":
        """The last quiet nights of each group.

        Args:
            past: oldest first.
            accept: from which night on a group, by name, or everything ('*'), is as it should
                be.
        """
        labels = {label for night in past[-nights:] for label in night.groups}
        chosen = {label: _quiet(label, past, accept) for label in labels}
        wanted: dict[str, list[str | None]] = {}
        for label, names in chosen.items():
            for name in names[-nights:]:
                wanted.setdefault(name, []).append(label)
        names_of: dict[str | None, tuple[str, ...]] = {
            label: tuple(names[-nights:]) for label, names in chosen.items()
        }
        pooled: dict[str | None, list[GroupNight]] = {}
        for one in history.group_nights(dict(sorted(wanted.items()))):
            pooled.setdefault(one.label, []).append(one)
        found = {
            label: BaselineGroup(
                GroupNight.total(label, theirs),
                len(theirs),
                names_of[label],
                *_floor(label, chosen[label], past),
            )
            for label, theirs in pooled.items()
            if any(one.documents for one in theirs)
        }
        whole = found.pop(None, None)
        groups = {label: group for label, group in found.items() if label is not None}
        return cls(whole, groups, sorted(wanted))

    def gather(self, kept: Collection[str]) -> "Baseline":
        """With the groups that are not kept as one."""
        rest = [one for label, one in self.groups.items() if label not in kept]
        groups = {label: one for label, one in self.groups.items() if label in kept}
        if rest:
            pooled = GroupNight.total(OTHER, [one.pooled for one in rest])
            names = {name for one in rest for name in one.names}
            nights = max(one.nights for one in rest)
            before = self.groups.get(OTHER)
            floor = (before.quiet, before.floor) if before else (0, 0.0)
            groups[OTHER] = BaselineGroup(pooled, nights, tuple(sorted(names)), *floor)
        return replace(self, groups=groups)


def _quiet(label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]) -> list[str]:
    """The nights of a group that did not alert, or were accepted, oldest first.

    A night also says what its own baseline was: so quiet ones are known that lie farther back than
    is looked, however long a group has alerted since.
    """
    since = max((accept[key] for key in {name_of(label), "*"} if key in accept), default="")
    mine = [night for night in past if label in night.groups]
    quiet = {
        night.night
        for night in mine
        if night.night == since or not set(night.groups[label].said.alerts) - HARMLESS
    }
    if mine:
        first = mine[0].night
        quiet |= {name for name in mine[-1].groups[label].said.baseline if name < first}
    return sorted(name for name in quiet if name >= since)


def _floor(label: str | None, quiet: Sequence[str], past: Sequence[PastNight]) -> tuple[int, float]:
    """From the nights that are quiet: how many, and what 95% of them stayed below."""
    known = {night.night: night.groups[label].said for night in past if label in night.groups}
    effects = [known[name].wasserstein for name in quiet if name in known]
    found = [effect for effect in effects if effect is not None]
    if len(found) < QUIET_NIGHTS:
        return len(found), 0.0
    return len(found), float(np.quantile(found, QUIET_SHARE))
