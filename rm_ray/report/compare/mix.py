"""Splitting the change of the mean, and the distance of the rewards, into two parts.

One part comes from the mix: the shares of the groups changed. The other part comes from inside the
groups: their rewards changed.
"""

from collections.abc import Mapping

import numpy as np

from rm_ray.report.compare.baseline import BaselineGroup
from rm_ray.report.compare.effects import Array, aligned, distance
from rm_ray.report.figures import Mix, MixGroup
from rm_ray.report.measure.nights import GroupNight, name_of


def split(tonight: Mapping[str, GroupNight], baseline: Mapping[str, BaselineGroup]) -> Mix | None:
    """Split the change of the mean by group, exactly, as Kitagawa (1955) does.

    None if a side has no reward, or if there are no groups. A group that only one side has changes
    the mix alone.
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
            mean_before=pair[0],
            mean_after=pair[1],
            mix=float((a - b) * (_or(*pair) + _or(*pair[::-1])) / 2),
            inside=float((_or(*pair[::-1]) - _or(*pair)) * (a + b) / 2),
        )
        for label, a, b, pair in zip(labels, after, before, means, strict=True)
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
    """Return the documents with a reward of one night of the baseline, on average."""
    group = baseline.get(label)
    return group.pooled.scored / group.nights if group else 0.0


def _means(
    label: str, tonight: Mapping[str, GroupNight], baseline: Mapping[str, BaselineGroup]
) -> tuple[float | None, float | None]:
    before = baseline[label].pooled.moments if _scored_before(baseline, label) else None
    after = tonight[label].moments if _scored(tonight, label) else None
    return (before.mean if before else None), (after.mean if after else None)


def _or(mean: float | None, other: float | None) -> float:
    """Return the mean of a side, or the mean of the other side if the first has none."""
    return (other if mean is None else mean) or 0.0


def _distances(
    labels: list[str],
    after: Array,
    before: Array,
    tonight: Mapping[str, GroupNight],
    baseline: Mapping[str, BaselineGroup],
) -> tuple[float, float]:
    """Return two distances, in sd of the baseline.

    The first is from the baseline to the baseline with tonight's shares, the second from there to
    tonight.
    """
    now = [
        tonight[label].histogram if _scored(tonight, label) else baseline[label].pooled.histogram
        for label in labels
    ]
    then = [
        baseline[label].pooled.histogram if _scored_before(baseline, label) else now_weights
        for label, now_weights in zip(labels, now, strict=True)
    ]
    values, columns = aligned([*now, *then])
    weights = np.stack([column / column.sum() for column in columns])
    now_weights, then_weights = weights[: len(labels)], weights[len(labels) :]
    old, mixed, new = before @ then_weights, after @ then_weights, after @ now_weights
    mean = values @ old
    sd = float(np.sqrt(((values - mean) ** 2) @ old)) or 1.0
    return distance(values, mixed, old) / sd, distance(values, new, mixed) / sd
