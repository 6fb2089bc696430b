"""The baselines: how well length, compression and a unigram model do without a judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rm_ray.evaluate.config import FiguresConfig
from rm_ray.evaluate.figures import BaselineAccuracy
from rm_ray.evaluate.grouping import Grouped
from rm_ray.evaluate.labelled import Labelled
from rm_ray.evaluate.measure import MAIN, figures_of, interval
from rm_ray.evaluate.statistics import Floats, auc, clusters, estimate, resampled, seed_of
from rm_ray.evaluate.texts import TextScores


@dataclass(frozen=True)
class _Score:
    """A _Score is one score of all texts."""

    name: str
    """Name of the baseline."""
    says: str
    """The score in words."""
    values: Floats
    """Score of each text; nan for unread texts."""


def baselines(
    sample: Labelled, scores: TextScores, groups: Sequence[Grouped], config: FiguresConfig
) -> list[BaselineAccuracy]:
    """Measure each baseline over all texts, and by kind."""
    measured = (
        _Score("length", "characters of the text", scores.length),
        _Score("zlib ratio", "compressed bytes over bytes", scores.zlib),
        _Score("unigram model", "mean log probability of the words", scores.unigram),
    )
    return [_baseline(score, sample, groups, config) for score in measured]


def _baseline(
    of: _Score, sample: Labelled, groups: Sequence[Grouped], config: FiguresConfig
) -> BaselineAccuracy:
    values = np.nan_to_num(of.values, nan=float(np.nanmean(of.values)))
    higher: Literal["good", "bad"] = "good" if auc(values, sample.good) >= 0.5 else "bad"
    values = values if higher == "good" else -values
    figures = figures_of(sample.of, values, sample.good)
    del figures["accuracy"]
    drawn = resampled(
        list(figures.values()),
        sample.documents,
        seed_of(config.seed, f"baseline {of.name}"),
        config.resamples,
    )
    count = clusters(sample.documents, sample.good)
    estimates = {
        name: estimate(column, count) for name, column in zip(figures, drawn.T, strict=True)
    }
    kinds = {
        group.name: float(
            figures_of(sample.of, values[group.texts], sample.good[group.texts])[
                MAIN[sample.of]
            ].of(np.ones((1, int(group.texts.sum()))))[0]
        )
        for group in groups
        if group.by == "kind"
    }
    return BaselineAccuracy(
        name=of.name,
        says=of.says,
        higher=higher,
        pairwise=interval(estimates.get("pairwise")),
        auc=interval(estimates["auc"]),
        kinds={name: value for name, value in kinds.items() if np.isfinite(value)},
    )
