"""A group's night beside its baseline: effects, and how often chance alone makes them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from rm_ray.report.compare.baseline import BaselineGroup
from rm_ray.report.compare.creep import Creep, creep
from rm_ray.report.compare.effects import DRAWS, TAIL_DRAWS, Effects, Noise, bounds, effects, noise
from rm_ray.report.compare.history import PastGroup
from rm_ray.report.compare.usual import (
    LEAST_NIGHTS,
    Usual,
    usual_amount,
    usual_count,
    usual_mean,
    usual_share,
)
from rm_ray.report.figures import Drift, Measure, Outliers
from rm_ray.report.measure.nights import GroupNight

# A floor is what so many nights like the baseline stay below.
FLOOR = 0.05
# A shift is seen in so many nights: 4 of 5.
POWER = 0.8
KINDS = ("wasserstein", "psi", "mean")
# The width of a histogram's cell, over the rewards in it.
CELL = 1 / 2048


@dataclass(frozen=True)
class UsualNight:
    """What the nights before predict of tonight; None where there are too few of them."""

    documents: Usual | None = None
    tokens: Usual | None = None
    tokens_a_document: Usual | None = None
    rewarded: Usual | None = None

    @classmethod
    def of(cls, nights: Sequence[PastGroup], tonight: GroupNight) -> "UsualNight":
        """Predict from a group's quiet nights, of which some may have no document."""
        if len(nights) < LEAST_NIGHTS:
            return cls()
        counts = [one.documents for one in nights]
        documents, now = usual_count(counts), tonight.documents
        tokens = usual_amount([one.tokens for one in nights], counts, now)
        there = [one for one in nights if one.documents]
        if len(there) < LEAST_NIGHTS or not now:
            return cls(documents, tokens)
        counts = [one.documents for one in there]
        each = usual_mean([one.tokens / one.documents for one in there], counts, now)
        return cls(documents, tokens, each, usual_share([one.scored for one in there], counts, now))


@dataclass(frozen=True)
class Comparison:
    """A group's night beside its baseline."""

    tonight: GroupNight
    baseline: BaselineGroup | None
    effects: Effects | None = None
    """None where one of both has no document with a reward, or nothing can be told of them."""
    chance: Noise | None = None
    """Of as many draws as a floor needs."""
    tail: Noise | None = None
    """Of many more draws, where it may be an alert."""
    seed: int = 0
    creep: Creep = field(default_factory=Creep)
    untold: str | None = None
    """Why nothing can be told of the rewards, although both have some."""

    @classmethod
    def of(
        cls,
        tonight: GroupNight,
        baseline: BaselineGroup | None,
        night: str,
        draws: int = DRAWS,
        means: Sequence[tuple[str, float]] = (),
    ) -> "Comparison":
        """Compare a group's night. The same night and group draw the same.

        Args:
            tonight: of the group.
            baseline: of the group.
            night: the name of tonight.
            draws: how many.
            means: the group's mean rewards of the nights before, with their names, oldest first.
        """
        if baseline is None or not (tonight.scored and baseline.pooled.scored):
            return cls(tonight, baseline)
        both = tonight.histogram, baseline.pooled.histogram
        crept = creep([*means, (night, tonight.moments.mean)], _robust_sd(baseline))
        if reason := _untold(tonight, baseline):
            return cls(tonight, baseline, creep=crept, untold=reason)
        seed = _seed(night, tonight.label)
        return cls(
            tonight, baseline, effects(*both), noise(*both, draws, seed), seed=seed, creep=crept
        )

    def refined(self) -> "Comparison":
        """With draws enough for the tail."""
        assert self.baseline is not None
        both = self.tonight.histogram, self.baseline.pooled.histogram
        return replace(self, tail=noise(*both, TAIL_DRAWS, self.seed))

    def has(self, kind: str) -> bool:
        """Whether a measure is one of those that draws are made of."""
        return self.effects is not None and kind in (*KINDS, "spread")

    @property
    def counts(self) -> Sequence[PastGroup]:
        """The quiet nights that counts are compared with."""
        return self.baseline.history if self.baseline else ()

    @cached_property
    def usual(self) -> UsualNight:
        """What these nights predict of tonight."""
        return UsualNight.of(self.counts, self.tonight)

    def why_not(self) -> str:
        """Why documents have no reward, in words, the most frequent reason first; "" for none."""
        others = [(n, name) for name, n in self.tonight.statuses.items() if name != "ok" and n]
        return ", ".join(
            f"{n:,} {name.replace('_', ' ')}" for n, name in sorted(others, reverse=True)
        )

    @property
    def outliers(self) -> Outliers | None:
        """The rewards that are too far out to be taken as they are; None where there are none."""
        if self.effects is None or self.baseline is None:
            return None
        low, high = bounds(self.tonight.histogram, self.baseline.pooled.histogram)
        found = []
        for one in (self.tonight, self.baseline.pooled):
            values = one.histogram.values
            out = (values < low) | (values > high)
            found.append((int(one.histogram.documents[out].sum()), values[out]))
        (now, values), (before, others) = found
        far = np.concatenate([values, others])
        if not len(far):
            return None
        return Outliers(
            below=low,
            above=high,
            tonight=now,
            baseline=before,
            farthest=float(far[np.abs(far).argmax()]),
        )

    @property
    def noise(self) -> float:
        """How many times as much as by chance this group's quiet nights differ; at least 1."""
        if self.baseline is None or self.chance is None:
            return 1.0
        chance = self.chance.point("wasserstein", FLOOR)
        return max(1.0, self.baseline.floor / chance) if chance > 0 else 1.0

    def p(self, kind: str) -> float:
        """How often a night like the baseline has an effect as large, or a spread as small."""
        assert self.effects is not None and self.chance is not None
        draws = self.tail or self.chance
        return draws.p(kind, _scaled(kind, getattr(self.effects, kind), 1 / self.noise))

    def floor(self, kind: str, p: float = FLOOR) -> float:
        """The effect that nights like the baseline reach that often."""
        assert self.chance is not None
        return _scaled(kind, self.chance.point(kind, p), self.noise)

    def drift(self, above: float, p: float) -> Drift | None:
        """What the report says.

        Args:
            above, p: an alert needs an effect above it, and one that chance makes less often.
        """
        if self.effects is None or self.chance is None or self.baseline is None:
            return None
        kinds = {
            kind: Measure(
                effect=getattr(self.effects, kind), floor=self.floor(kind), p=self.p(kind)
            )
            for kind in KINDS
        }
        # a shift moves the distance by itself, give or take the error of a difference of means
        error = self.noise * np.sqrt(1 / self.tonight.scored + 1 / self.baseline.pooled.scored)
        seen = max(above, self.floor("wasserstein", p)) + stats.norm.ppf(POWER) * error
        return Drift(
            **kinds,
            smallest_shift=float(seen),
            quiet_nights=self.baseline.quiet,
            noise=self.noise,
        )


def _scaled(kind: str, effect: Any, factor: float) -> float:
    """An effect that is so many times as far from none; the index grows with the square."""
    if kind == "psi":
        return float(effect * factor**2)
    return float(1 + (effect - 1) * factor if kind == "spread" else effect * factor)


def _robust_sd(baseline: BaselineGroup) -> float:
    """The standard deviation of the baseline's rewards, outliers taken for the ends of the usual
    range.
    """
    histogram = baseline.pooled.histogram
    values = np.clip(histogram.values, *bounds(histogram))
    weights = histogram.documents / histogram.size
    return float(np.sqrt(weights @ (values - weights @ values) ** 2))


def _untold(tonight: GroupNight, baseline: BaselineGroup) -> str | None:
    """Why nothing can be told: the rewards differ by less than the cells they are counted in."""
    before, now = baseline.pooled.moments, tonight.moments
    cell = abs(before.mean) * CELL
    if 0 < before.sd < cell and 0 < now.sd < cell and abs(now.mean - before.mean) < cell:
        return (
            f"cannot be told: the rewards crowd at {before.mean:.6g} (sd {before.sd:.2g}), within "
            f"one cell of the histogram ({cell:.2g})"
        )
    return None


def _seed(night: str, label: str | None) -> int:
    return int.from_bytes(hashlib.sha256(f"{night}\n{label}".encode()).digest()[:8], "little")
