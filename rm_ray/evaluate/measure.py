"""Measures how well labelled rewards separate good from bad, over all texts and per group."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from rm_ray.evaluate.config import FiguresConfig
from rm_ray.evaluate.figures import GroupAccuracy, Interval
from rm_ray.evaluate.grouping import Grouped
from rm_ray.evaluate.labelled import Labelled
from rm_ray.evaluate.statistics import (
    Auc,
    Estimate,
    Figure,
    Flags,
    Floats,
    Mean,
    clusters,
    estimate,
    resampled,
    seed_of,
    smallest_difference,
)

ALL = "all"
MAIN = {"pairs": "pairwise", "documents": "auc"}


def measure(
    sample: Labelled, groups: Sequence[Grouped], config: FiguresConfig, *, zero_means: bool
) -> tuple[GroupAccuracy, list[GroupAccuracy]]:
    """Measure all texts together, and each group.

    Args:
        zero_means: a reward above 0 means that a text is good.
    """
    everything = Grouped("", ALL, np.ones(len(sample.rewards), bool))
    measured = partial(_group, sample=sample, config=config, zero_means=zero_means)
    return measured(everything), [measured(group) for group in groups]


def _group(
    of: Grouped, sample: Labelled, config: FiguresConfig, *, zero_means: bool
) -> GroupAccuracy:
    inside = of.texts
    rewards, good, documents = sample.rewards[inside], sample.good[inside], sample.documents[inside]
    figures = {
        name: figure
        for name, figure in figures_of(sample.of, rewards, good).items()
        if name != "accuracy" or zero_means
    }
    seed = seed_of(config.seed, f"{of.by} {of.name}")
    drawn = resampled(list(figures.values()), documents, seed, config.resamples)
    count = clusters(documents, good)
    estimates = {
        name: estimate(column, count) for name, column in zip(figures, drawn.T, strict=True)
    }
    main = estimates[MAIN[sample.of]]
    few = count < config.few_documents
    return GroupAccuracy(
        by=of.by or None,
        name=of.name,
        count=len(rewards) // 2 if sample.of == "pairs" else len(rewards),
        good=int(good.sum()),
        documents=len(np.unique(documents)),
        few=few,
        blind=main is not None and main.low < config.blind_below and not few,
        pairwise=interval(estimates.get("pairwise")),
        auc=interval(estimates.get("auc")),
        accuracy=interval(estimates.get("accuracy")),
        smallest_difference=smallest_difference(main.error) if main and main.error else None,
    )


def figures_of(of: str, rewards: Floats, good: Flags) -> dict[str, Figure]:
    """Return the figures that labelled rewards allow, by name."""
    everything = np.ones(len(rewards), bool)
    figures: dict[str, Figure] = {
        "auc": Auc(rewards, good),
        "accuracy": Mean(((rewards > 0) == good).astype(np.float64), everything),
    }
    if of == "pairs":
        figures["pairwise"] = pairwise(rewards)
    return figures


def pairwise(rewards: Floats) -> Mean:
    """Return the share of pairs in the right order, counted at the chosen chunk of each pair."""
    margins = rewards[::2] - rewards[1::2]
    right = np.repeat((margins > 0) + (margins == 0) / 2, 2)
    return Mean(right, np.arange(len(rewards)) % 2 == 0)


def interval(of: Estimate | None) -> Interval | None:
    """Return an estimate as an Interval of the page."""
    return None if of is None else Interval(value=of.value, low=of.low, high=of.high)
