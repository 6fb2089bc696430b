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

# Chance limit: this share of quiet nights is above it.
FLOOR = 0.05
# A shift of the size `smallest_shift` is seen on this share of nights: 4 of 5.
POWER = 0.8
KINDS = ("wasserstein", "psi", "mean")
# The width of a histogram's cell, divided by the rewards in it.
CELL = 1 / 2048


@dataclass(frozen=True)
class UsualNight:
    """The counts of tonight as the nights before predict them; None if these are too few."""

    documents: Usual | None = None
    """Documents of the night."""
    tokens: Usual | None = None
    """Tokens of the night."""
    tokens_a_document: Usual | None = None
    """Tokens of a document, on average."""
    rewarded: Usual | None = None
    """Share of the documents with a reward."""

    @classmethod
    def of(cls, nights: Sequence[PastGroup], tonight: GroupNight) -> "UsualNight":
        """Predict from a group's quiet nights. Some of the nights may have no document."""
        if len(nights) < LEAST_NIGHTS:
            return cls()
        counts = [night.documents for night in nights]
        documents, now = usual_count(counts), tonight.documents
        tokens = usual_amount([night.tokens for night in nights], counts, now)
        nights_with_documents = [night for night in nights if night.documents]
        if len(nights_with_documents) < LEAST_NIGHTS or not now:
            return cls(documents, tokens)
        counts = [night.documents for night in nights_with_documents]
        each = usual_mean(
            [night.tokens / night.documents for night in nights_with_documents], counts, now
        )
        return cls(
            documents,
            tokens,
            each,
            usual_share([night.scored for night in nights_with_documents], counts, now),
        )


@dataclass(frozen=True)
class Comparison:
    """A group's night beside its baseline."""

    tonight: GroupNight
    """The group tonight."""
    baseline: BaselineGroup | None
    """The group's baseline; None if there is none."""
    effects: Effects | None = None
    """Effects; None if a side has no document with a reward, or if nothing can be told."""
    chance: Noise | None = None
    """Effects by chance, in as many draws as a chance limit needs."""
    tail: Noise | None = None
    """Effects by chance in many more draws; None unless the group may alert."""
    seed: int = 0
    """Seed of the draws."""
    creep: Creep = field(default_factory=Creep)
    """Slow move of the group's mean."""
    untold: str | None = None
    """Why nothing can be told of the rewards, although both sides have some."""

    @classmethod
    def of(
        cls,
        tonight: GroupNight,
        baseline: BaselineGroup | None,
        night: str,
        draws: int = DRAWS,
        means: Sequence[tuple[str, float]] = (),
    ) -> "Comparison":
        """Compare a group's night. The same night and group make the same draws.

        Args:
            tonight: the group tonight.
            baseline: the group's baseline.
            night: the name of tonight.
            draws: the number of draws.
            means: the nights before and the group's mean rewards, oldest first.
        """
        if baseline is None or not (tonight.scored and baseline.pooled.scored):
            return cls(tonight, baseline)
        histograms = tonight.histogram, baseline.pooled.histogram
        found_creep = creep([*means, (night, tonight.moments.mean)], _robust_sd(baseline))
        if reason := _untold(tonight, baseline):
            return cls(tonight, baseline, creep=found_creep, untold=reason)
        seed = _seed(night, tonight.label)
        return cls(
            tonight,
            baseline,
            effects(*histograms),
            noise(*histograms, draws, seed),
            seed=seed,
            creep=found_creep,
        )

    def refined(self) -> "Comparison":
        """Return the comparison with enough draws for the tail."""
        assert self.baseline is not None
        histograms = self.tonight.histogram, self.baseline.pooled.histogram
        return replace(self, tail=noise(*histograms, TAIL_DRAWS, self.seed))

    def has(self, kind: str) -> bool:
        """Return True if the draws have this measure."""
        return self.effects is not None and kind in (*KINDS, "spread")

    @property
    def counts(self) -> Sequence[PastGroup]:
        """Return the quiet nights that counts are compared with."""
        return self.baseline.history if self.baseline else ()

    @cached_property
    def usual(self) -> UsualNight:
        """Return tonight's counts as the quiet nights predict them."""
        return UsualNight.of(self.counts, self.tonight)

    def why_not(self) -> str:
        """Return why documents have no reward, most frequent reason first; "" if all have one."""
        others = [(n, name) for name, n in self.tonight.statuses.items() if name != "ok" and n]
        return ", ".join(
            f"{n:,} {name.replace('_', ' ')}" for n, name in sorted(others, reverse=True)
        )

    @property
    def outliers(self) -> Outliers | None:
        """Return the rewards that are too far out to count as they are; None if none are."""
        if self.effects is None or self.baseline is None:
            return None
        low, high = bounds(self.tonight.histogram, self.baseline.pooled.histogram)
        out_of = []
        for side in (self.tonight, self.baseline.pooled):
            values = side.histogram.values
            is_out = (values < low) | (values > high)
            out_of.append((int(side.histogram.documents[is_out].sum()), values[is_out]))
        (now, values), (before, values_before) = out_of
        far = np.concatenate([values, values_before])
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
        """Return quiet nights' usual distance divided by the distance that chance makes.

        At least 1.
        """
        if self.baseline is None or self.chance is None:
            return 1.0
        chance = self.chance.point("wasserstein", FLOOR)
        return max(1.0, self.baseline.floor / chance) if chance > 0 else 1.0

    def p(self, kind: str) -> float:
        """Return the share of quiet nights with an effect as large (for a spread: as small)."""
        assert self.effects is not None and self.chance is not None
        draws = self.tail or self.chance
        return draws.p(kind, _scaled(kind, getattr(self.effects, kind), 1 / self.noise))

    def floor(self, kind: str, p: float = FLOOR) -> float:
        """Return the chance limit: the effect that a share `p` of quiet nights is above."""
        assert self.chance is not None
        return _scaled(kind, self.chance.point(kind, p), self.noise)

    def drift(self, above: float, p: float) -> Drift | None:
        """Return the distances from the baseline, as the report shows them.

        Args:
            above: an alert needs a larger effect than this.
            p: an alert needs an effect that chance makes less often than this.
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
    """Return an effect moved to `factor` times its distance from no effect.

    The PSI is multiplied by the square of the factor.
    """
    if kind == "psi":
        return float(effect * factor**2)
    return float(1 + (effect - 1) * factor if kind == "spread" else effect * factor)


def _robust_sd(baseline: BaselineGroup) -> float:
    """Return the standard deviation of the baseline's rewards.

    Outliers count as the ends of the usual range.
    """
    histogram = baseline.pooled.histogram
    values = np.clip(histogram.values, *bounds(histogram))
    weights = histogram.documents / histogram.size
    return float(np.sqrt(weights @ (values - weights @ values) ** 2))


def _untold(tonight: GroupNight, baseline: BaselineGroup) -> str | None:
    """Return why nothing can be told: the rewards differ by less than a cell of the histogram."""
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
