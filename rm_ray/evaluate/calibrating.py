"""Fits maps from rewards to probabilities, and tests them on other documents.

One half of the documents, chosen by a seeded hash, fits the map; the other half tests it. For
pairs, the rewards are of single chunks, half of them good. For a scoring run, they are of
documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rm_ray.errors import InputError
from rm_ray.evaluate.figures import Bin, Calibrated, Reliability
from rm_ray.evaluate.labelled import Labelled, Names
from rm_ray.evaluate.statistics import Flags, Floats
from rm_ray.judges.calibration import (
    ELSE,
    RAW,
    CalibratedUnit,
    Calibration,
    CalibrationCurve,
    Method,
    fit,
)

BINS = 10
# A source gets its own map if it has at least this many good and this many bad texts.
FEWEST_TEXTS = 50
# Times that labels are drawn from the probabilities, to measure the error of an exact judge.
CHANCE_DRAWS = 200
METHODS: tuple[Method, ...] = ("isotonic", "platt")


@dataclass(frozen=True)
class Halves:
    """Halves are the two halves of the texts, split by document."""

    fitting: Flags
    """True for the texts that fit the maps."""
    held_out: Flags
    """True for the texts that test the maps."""


def halves(sample: Labelled, seed: int) -> Halves:
    """Split the documents into two halves.

    Raises:
        InputError: a half lacks good or bad texts.
    """
    first = sample.half(seed)
    for half in (first, ~first):
        if not (sample.good & half).any() or not (~sample.good & half).any():
            raise InputError(
                "too few documents to fit a calibration and to test it: each half of the documents "
                f"needs good and bad texts, and there are {len(sample.places):,} documents"
            )
    return Halves(first, ~first)


def unit_of(sample: Labelled) -> CalibratedUnit:
    """Return "chunk" if a sample's rewards are of chunks, else "document"."""
    return "chunk" if sample.of == "pairs" else "document"


def fitted(
    method: Method,
    sample: Labelled,
    mine: Flags,
    by: str | None,
    model: str,
    asked: Mapping[str, Any],
) -> Calibration:
    """Fit a calibration on some of the texts.

    Args:
        mine: True for the texts to fit on.
        by: the column whose values get maps of their own.
        model: the judge's model, identified by its content.
        asked: the part of the fingerprint that a calibration depends on.
    """
    maps: dict[str, CalibrationCurve] = {ELSE: fit(method, sample.rewards[mine], sample.good[mine])}
    names = _names(sample, by)
    for name in sorted(set(names[mine].tolist()) - {ELSE}) if by else ():
        of = mine & (names == name)
        good = int(sample.good[of].sum())
        if min(good, int(of.sum()) - good) >= FEWEST_TEXTS:
            maps[name] = fit(method, sample.rewards[of], sample.good[of])
    return Calibration(method, unit_of(sample), by, maps, model, asked)


def _names(sample: Labelled, by: str | None) -> Names:
    values = sample.columns["by"] if by else np.full(len(sample.rewards), None, object)
    return np.array([ELSE if value is None else str(value) for value in values], object)


def shown(sample: Labelled, split: Halves, by: str | None, seed: int, *, raw: bool) -> Calibrated:
    """Return the reliability of each method on the held-out documents.

    Args:
        raw: the rewards are differences of log probabilities, so they are log odds already.
    """
    held = split.held_out
    rewards, good, names = sample.rewards[held], sample.good[held], _names(sample, by)[held]
    diagrams = [reliability("raw", RAW.of(rewards), good, seed)] if raw else []
    maps: list[str] = []
    for method in METHODS:
        calibration = fitted(method, sample, split.fitting, by, "", {})
        diagrams.append(reliability(method, calibration.of(rewards, names), good, seed))
        maps = [name for name in calibration.maps if name != ELSE]
    return Calibrated(
        unit=unit_of(sample),
        by=by,
        fitted_documents=_documents(sample, split.fitting),
        held_out_documents=_documents(sample, held),
        fitted_texts=int(split.fitting.sum()),
        held_out_texts=int(held.sum()),
        diagrams=diagrams,
        written=None,
        maps=maps,
    )


def _documents(sample: Labelled, mine: Flags) -> int:
    return len(np.unique(sample.documents[mine]))


def reliability(method: Any, said: Floats, good: Flags, seed: int) -> Reliability:
    """Return the reliability diagram, in bins of equal size, and the expected errors."""
    rng = np.random.default_rng([seed, 1])
    drawn = rng.random((CHANCE_DRAWS, len(said))) < said
    by_chance = float(np.mean([expected_error(said, labels) for labels in drawn]))
    bins = [
        Bin(count=len(texts), said=float(said[texts].mean()), good=float(good[texts].mean()))
        for texts in equal_bins(said)
    ]
    return Reliability(
        method=method, ece=expected_error(said, good), by_chance=by_chance, bins=bins
    )


def expected_error(said: Floats, good: Flags) -> float:
    """Return the mean gap between predicted and true in the bins, weighted by texts."""
    gaps = [
        abs(float(said[texts].mean() - good[texts].mean())) * len(texts)
        for texts in equal_bins(said)
    ]
    return sum(gaps) / len(said)


def equal_bins(said: Floats) -> list[Any]:
    """Return the numbers of the texts of each bin, from the lowest probabilities to the highest.

    Equal probabilities are in a seeded order, because the order of the table may depend on the
    labels.
    """
    order = np.lexsort((np.random.default_rng(0).permutation(len(said)), said))
    return [texts for texts in np.array_split(order, min(BINS, len(said))) if len(texts)]
