"""Fits what makes probabilities of rewards, and shows how good they are on other documents.

Half of the documents, by a seeded hash, fit the map; the other half says what it is worth. Of pairs
the rewards are of single chunks, as many good as bad; of a scoring run they are of documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rm_ray.errors import InputError
from rm_ray.evaluate.figures import Bin, Calibrated, Reliability
from rm_ray.evaluate.labelled import Labelled, Names
from rm_ray.evaluate.statistics import Flags, Floats
from rm_ray.judges.calibration import ELSE, RAW, Calibration, Curve, Method, Unit, fit

BINS = 10
# A source has a map of its own from so many good and so many bad texts on.
FEWEST_TEXTS = 50
# Draws of labels from the probabilities themselves, to see what chance makes of an exact judge.
CHANCE_DRAWS = 200
METHODS: tuple[Method, ...] = ("isotonic", "platt")


@dataclass(frozen=True)
class Halves:
    """The texts that fit, and those that only judge."""

    fitting: Flags
    held_out: Flags


def halves(sample: Labelled, seed: int) -> Halves:
    """Both halves of the documents.

    Raises:
        InputError: one of them lacks good or bad texts.
    """
    first = sample.half(seed)
    for half in (first, ~first):
        if not (sample.good & half).any() or not (~sample.good & half).any():
            raise InputError(
                "too few documents to fit a calibration and to hold some out: each half needs "
                f"good and bad texts, and there are {len(sample.places):,} documents"
            )
    return Halves(first, ~first)


def unit_of(sample: Labelled) -> Unit:
    """Tell whether a sample's rewards are those of chunks or of documents."""
    return "chunk" if sample.of == "pairs" else "document"


def fitted(
    method: Method,
    sample: Labelled,
    mine: Flags,
    by: str | None,
    model: str,
    asked: Mapping[str, Any],
) -> Calibration:
    """The calibration that some of the texts fit. `by`: the column that has maps of its own."""
    maps: dict[str, Curve] = {ELSE: fit(method, sample.rewards[mine], sample.good[mine])}
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
    """The reliability of each method on the documents that were held out.

    Args:
        raw: the rewards are differences of log probabilities, which say probabilities themselves.
    """
    held = split.held_out
    rewards, good, names = sample.rewards[held], sample.good[held], _names(sample, by)[held]
    diagrams = [reliability("raw", RAW.of(rewards), good, seed)] if raw else []
    maps: list[str] = []
    for method in METHODS:
        found = fitted(method, sample, split.fitting, by, "", {})
        diagrams.append(reliability(method, found.of(rewards, names), good, seed))
        maps = [name for name in found.maps if name != ELSE]
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
    """The diagram of probabilities, in bins of as many texts each, and its expected error."""
    rng = np.random.default_rng([seed, 1])
    drawn = rng.random((CHANCE_DRAWS, len(said))) < said
    by_chance = float(np.mean([expected_error(said, one) for one in drawn]))
    bins = [
        Bin(count=len(mine), said=float(said[mine].mean()), good=float(good[mine].mean()))
        for mine in equal_bins(said)
    ]
    return Reliability(
        method=method, ece=expected_error(said, good), by_chance=by_chance, bins=bins
    )


def expected_error(said: Floats, good: Flags) -> float:
    """The mean over the bins, by their texts, of the gap between said and true."""
    gaps = [
        abs(float(said[mine].mean() - good[mine].mean())) * len(mine) for mine in equal_bins(said)
    ]
    return sum(gaps) / len(said)


def equal_bins(said: Floats) -> list[Any]:
    """The numbers of the texts of each bin, from the lowest probabilities to the highest; equal
    ones in a seeded order, since that of the table may go by labels.
    """
    order = np.lexsort((np.random.default_rng(0).permutation(len(said)), said))
    return [mine for mine in np.array_split(order, min(BINS, len(said))) if len(mine)]
