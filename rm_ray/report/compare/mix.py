"""The mean's change, and the rewards' distance, split: what the mix of groups did, what happened
inside them.
"""

from collections.abc import Mapping

import numpy as np

from rm_ray.report.compare.baseline import BaselineGroup
from rm_ray.report.compare.effects import Array, aligned, distance
from rm_ray.report.figures import Mix, MixGroup
from rm_ray.report.measure.nights import GroupNight, name_of


def split(tonight: Mapping[str, GroupNight], baseline: Mapping[str, BaselineGroup]) -> Mix | None:
    """Kitagawa's split (1955), exact; None where a side has no reward, or there are no groups.

    A group that only one side has changes the mix alone.
    """
    labels = sorted(
        label
        for label in {*tonight, *baseline}
        if _scored(tonight, label) or _scored_before(baseline, label)
    )
    after = np.array([_scored(tonight, label) for label in labels], float)
    before = np.array([_scored_before(baseline, label) for label in labels])
    if not (after.sum() and before.sum()):
        return None
    after, before = after / after.sum(), before / before.sum()
    means = [_means(label, tonight, baseline) for label in labels]
    groups = [
        MixGroup(
            name=name_of(label),
            label=label,
            share_before=float(b),
            share_after=float(a),
            mean_before=mine[0],
            mean_after=mine[1],
            mix=float((a - b) * (_or(*mine) + _or(*mine[::-1])) / 2),
            inside=float((_or(*mine[::-1]) - _or(*mine)) * (a + b) / 2),
        )
        for label, a, b, mine in zip(labels, after, before, means, strict=True)
    ]
    first = sum(g.share_before * _or(*m) for g, m in zip(groups, means, strict=True))
    last = sum(g.share_after * _or(*m[::-1]) for g, m in zip(groups, means, strict=True))
    apart = _distances(labels, after, before=before, tonight=tonight, baseline=baseline)
    return Mix(
        before=first,
        after=last,
        change=last - first,
        mix=sum(group.mix for group in groups),
        inside=sum(group.inside for group in groups),
        wasserstein_mix=apart[0],
        wasserstein_inside=apart[1],
        groups=groups,
    )


def _scored(tonight: Mapping[str, GroupNight], label: str) -> int:
    return tonight[label].scored if label in tonight else 0


def _scored_before(baseline: Mapping[str, BaselineGroup], label: str) -> float:
    """Of one night."""
    one = baseline.get(label)
    return one.pooled.scored / one.nights if one else 0.0


def _means(
    label: str, tonight: Mapping[str, GroupNight], baseline: Mapping[str, BaselineGroup]
) -> tuple[float | None, float | None]:
    before = baseline[label].pooled.moments if _scored_before(baseline, label) else None
    after = tonight[label].moments if _scored(tonight, label) else None
    return (before.mean if before else None), (after.mean if after else None)


def _or(one: float | None, other: float | None) -> float:
    """A side that has no mean has that of the other."""
    return (other if one is None else one) or 0.0


def _distances(
    labels: list[str],
    after: Array,
    before: Array,
    tonight: Mapping[str, GroupNight],
    baseline: Mapping[str, BaselineGroup],
) -> tuple[float, float]:
    """From the baseline to the baseline in tonight's mix, and from there to tonight, in its sd."""
    now = [
        tonight[label].histogram if _scored(tonight, label) else baseline[label].pooled.histogram
        for label in labels
    ]
    then = [
        baseline[label].pooled.histogram if _scored_before(baseline, label) else mine
        for label, mine in zip(labels, now, strict=True)
    ]
    values, columns = aligned([*now, *then])
    weights = np.stack([column / column.sum() for column in columns])
    mine, theirs = weights[: len(labels)], weights[len(labels) :]
    old, mixed, new = before @ theirs, after @ theirs, after @ mine
    mean = values @ old
    sd = float(np.sqrt(((values - mean) ** 2) @ old)) or 1.0
    return distance(values, mixed, old) / sd, distance(values, new, mixed) / sd
