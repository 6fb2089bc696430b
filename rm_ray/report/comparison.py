"""A group's night beside its baseline: effects, and how often chance alone makes them."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from rm_ray.report.baseline import BaselineGroup
from rm_ray.report.effects import DRAWS, TAIL_DRAWS, Effects, Noise, effects, noise
from rm_ray.report.figures import Drift, Measure
from rm_ray.report.nights import GroupNight

# A floor is what so many nights like the baseline stay below.
FLOOR = 0.05
# A shift is seen in so many nights: 4 of 5.
POWER = 0.8
KINDS = ("wasserstein", "psi", "mean")


@dataclass(frozen=True)
class Comparison:
    """`effects` and `chance`: None where one of both has no document with a reward. `tail`: of many
    more draws, where it may be an alert.
    """

    tonight: GroupNight
    baseline: BaselineGroup | None
    effects: Effects | None = None
    chance: Noise | None = None
    tail: Noise | None = None
    seed: int = 0

    @classmethod
    def of(
        cls, tonight: GroupNight, baseline: BaselineGroup | None, night: str, draws: int = DRAWS
    ) -> "Comparison":
        """Of a group. The same night and group draw the same."""
        if baseline is None or not (tonight.scored and baseline.pooled.scored):
            return cls(tonight, baseline)
        seed = _seed(night, tonight.label)
        both = tonight.histogram, baseline.pooled.histogram
        return cls(tonight, baseline, effects(*both), noise(*both, draws, seed), seed=seed)

    def refined(self) -> "Comparison":
        """With draws enough for the tail."""
        assert self.baseline is not None
        both = self.tonight.histogram, self.baseline.pooled.histogram
        return replace(self, tail=noise(*both, TAIL_DRAWS, self.seed))

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


def _seed(night: str, label: str | None) -> int:
    return int.from_bytes(hashlib.sha256(f"{night}\n{label}".encode()).digest()[:8], "little")
