"""Whether a judge sorts sources, or good from bad inside them."""

import numpy as np

from rm_ray.evaluate.figures import SourceFigure, Sources
from rm_ray.evaluate.labelled import Labelled, Names
from rm_ray.evaluate.statistics import Flags, Floats, auc, between_share

# From so much of the variance between sources on, and so much AUC lost inside them, a judge is said
# to sort sources.
BETWEEN, LOST = 0.25, 0.05
MOST_SOURCES = 60


def sources(sample: Labelled) -> Sources | None:
    """None where no source is known, or there is one only."""
    named = sample.columns.get("source")
    if named is None:
        return None
    names = np.array(["(none)" if name is None else str(name) for name in named], object)
    known = sorted(set(names.tolist()))
    if len(known) < 2:
        return None
    figures = [_source(name, sample, names == name) for name in known]
    figures.sort(key=lambda one: (-one.count, one.name))
    between = between_share(sample.rewards, names)
    whole, within = auc(sample.rewards, sample.good), within_auc(sample.rewards, sample.good, names)
    sorts = between >= BETWEEN and within is not None and whole - within >= LOST
    return Sources(
        between=between,
        within_auc=within,
        auc=whole,
        sorts_sources=sorts,
        sentence=_sentence(between, whole, within, sorts=sorts),
        sources=figures[:MOST_SOURCES],
    )


def within_auc(rewards: Floats, good: Flags, names: Names) -> float | None:
    """How often a good text is above a bad one of its own source, of all such pairs of texts."""
    right = pairs = 0.0
    for name in sorted(set(names.tolist())):
        mine = names == name
        weight = float(good[mine].sum()) * float((~good[mine]).sum())
        if weight:
            right += weight * auc(rewards[mine], good[mine])
            pairs += weight
    return right / pairs if pairs else None


def _source(name: str, sample: Labelled, mine: Flags) -> SourceFigure:
    good = sample.good[mine]
    found = auc(sample.rewards[mine], good)
    return SourceFigure(
        name=name,
        count=int(mine.sum()),
        mean=float(sample.rewards[mine].mean()),
        auc=found if np.isfinite(found) else None,
        good_share=float(good.mean()),
    )


def _sentence(between: float, whole: float, within: float | None, *, sorts: bool) -> str:
    share = f"{between:.0%} of the rewards' variance is between sources"
    if within is None:
        return f"{share}; no source has both good and bad texts."
    inside = (
        f"a good text is above a bad one of its own source in {within:.1%} of cases, and above any "
        f"bad one in {whole:.1%}"
    )
    if sorts:
        return (
            f"This judge sorts sources more than quality: {share}, and {inside}. A cut over all "
            "sources would mostly choose sources; cut each by itself (--rule.by source)."
        )
    return f"{share[0].upper()}{share[1:]}; {inside}."
