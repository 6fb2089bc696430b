"""What a night is compared with: a pinned run, or its last quiet nights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rm_ray.report.history import History, PastNight
from rm_ray.report.nights import GroupNight, Night, name_of

# Alerts of these rules leave a night in the baseline: a new group is to become an old one.
HARMLESS = {"new"}
# From so many quiet nights on, they say how much nights differ besides by chance.
QUIET_NIGHTS = 10
# Of quiet nights, so many stay below a floor.
QUIET_SHARE = 0.95


@dataclass(frozen=True)
class BaselineGroup:
    """Of a group. `pooled`: its `nights` nights together. `quiet`: nights that `noise` is learnt
    from: how many times as much as by chance they differ, 1 where there are too few.
    """

    pooled: GroupNight
    nights: int
    quiet: int = 0
    noise: float = 1.0

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
    def of_run(cls, night: Night) -> "Baseline":
        """A run, as if it were one night."""
        if not night.whole.documents:
            return cls()
        groups = {label: BaselineGroup(group, 1) for label, group in night.groups.items()}
        return cls(BaselineGroup(night.whole, 1), groups)

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
            accept: from which night on a group, by name, or all of them ('*'), are as they
                should be.
        """
        labels = {label for night in past[-nights:] for label in night.groups}
        chosen = {label: _quiet(label, past, accept) for label in labels}
        wanted: dict[str, list[str | None]] = {}
        for label, names in chosen.items():
            for name in names[-nights:]:
                wanted.setdefault(name, []).append(label)
        pooled: dict[str | None, list[GroupNight]] = {}
        for one in history.group_nights(dict(sorted(wanted.items()))):
            pooled.setdefault(one.label, []).append(one)
        found = {
            label: BaselineGroup(
                GroupNight.total(label, theirs), len(theirs), *_noise(label, chosen[label], past)
            )
            for label, theirs in pooled.items()
            if any(one.documents for one in theirs)
        }
        whole = found.pop(None, None)
        groups = {label: group for label, group in found.items() if label is not None}
        return cls(whole, groups, sorted(wanted))


def _quiet(label: str | None, past: Sequence[PastNight], accept: Mapping[str, str]) -> list[str]:
    """The nights of a group that did not alert, or were accepted."""
    name = "*" if label is None else name_of(label)
    since = max((accept[key] for key in {name, "*"} if key in accept), default="")
    return [
        night.night
        for night in past
        if label in night.groups
        and night.night >= since
        and (night.night == since or not set(night.groups[label].said.alerts) - HARMLESS)
    ]


def _noise(label: str | None, quiet: Sequence[str], past: Sequence[PastNight]) -> tuple[int, float]:
    """From the nights that are quiet: how many, and their 95% point over that of chance."""
    known = {night.night: night.groups[label].said for night in past if label in night.groups}
    ratios = [
        said.wasserstein / said.chance
        for said in (known[name] for name in quiet)
        if said.wasserstein is not None and said.chance
    ]
    if len(ratios) < QUIET_NIGHTS:
        return len(ratios), 1.0
    return len(ratios), max(1.0, float(np.quantile(ratios, QUIET_SHARE)))
