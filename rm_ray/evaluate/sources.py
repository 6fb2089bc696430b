"""Measures if a judge sorts sources instead of quality inside the sources."""

import numpy as np

from rm_ray.evaluate.figures import SourceFigure, SourceShares
from rm_ray.evaluate.labelled import Labelled, Names
from rm_ray.evaluate.statistics import Flags, Floats, auc, between_share

# A judge sorts sources if at least this share of the variance is between sources, and the AUC
# inside sources is at least this much lower.
BETWEEN, LOST = 0.25, 0.05
MOST_SOURCES = 60


def sources(sample: Labelled) -> SourceShares | None:
    """Compute the figures of the sources; None unless there are two sources."""
    named = sample.columns.get("source")
    if named is None:
        return None
    names = np.array(["(none)" if name is None else str(name) for name in named], object)
    known = sorted(set(names.tolist()))
    if len(known) < 2:
        return None
    figures = [_source(name, sample, names == name) for name in known]
    figures.sort(key=lambda figure: (-figure.count, figure.name))
    between = between_share(sample.rewards, names)
    whole, within = auc(sample.rewards, sample.good), within_auc(sample.rewards, sample.good, names)
    sorts = between >= BETWEEN and within is not None and whole - within >= LOST
    return SourceShares(
        between=between,
        within_auc=within,
        auc=whole,
        sorts_sources=sorts,
        sentence=_sentence(between, whole, within, sorts=sorts),
        sources=figures[:MOST_SOURCES],
    )


def within_auc(rewards: Floats, good: Flags, names: Names) -> float | None:
    """Return how often a good text is above a bad one of its own source, over all such pairs."""
    right = pairs = 0.0
    for name in sorted(set(names.tolist())):
        inside = names == name
        weight = float(good[inside].sum()) * float((~good[inside]).sum())
        if weight:
            right += weight * auc(rewards[inside], good[inside])
            pairs += weight
    return right / pairs if pairs else None


def _source(name: str, sample: Labelled, inside: Flags) -> SourceFigure:
    good = sample.good[inside]
    own_auc = auc(sample.rewards[inside], good)
    return SourceFigure(
        name=name,
        count=int(inside.sum()),
        mean=float(sample.rewards[inside].mean()),
        auc=own_auc if np.isfinite(own_auc) else None,
        good_share=float(good.mean()),
    )


def _sentence(between: float, whole: float, within: float | None, *, sorts: bool) -> str:
    share = f"{between:.0%} of the rewards' variance is between sources"
    if within is None:
        return f"{share}; no source has both good and bad texts."
    inside = (
        f"a good text is above a bad one of its own source in {within:.1%} of cases, and above a "
        f"bad one of any source in {whole:.1%}"
    )
    if sorts:
        return (
            f"This judge sorts sources more than quality: {share}, and {inside}. One cut over all "
            "sources would mostly choose between sources; cut each source by itself (--rule.by "
            "source)."
        )
    return f"{share[0].upper()}{share[1:]}; {inside}."
