"""Exact documents and tokens that each threshold keeps, so that people can choose a cut."""

from collections.abc import Mapping, Sequence

import numpy as np

from rm_ray.counts.histograms import Histogram
from rm_ray.counts.order import best_first
from rm_ray.report.figures import Retained, RetainedGroup
from rm_ray.report.measure.nights import OTHER, GroupNight, name_of

# Points of the curve. Each is a threshold that keeps about a round share of the documents.
POINTS = 100


def retention(histogram: Histogram, cut: Retained | None) -> list[Retained]:
    """Return the points from the highest threshold to the one that keeps all documents.

    Args:
        histogram: of the rewards.
        cut: the point of the cut in use, which goes in its place; None if there is no cut.
    """
    if not len(histogram.cells):
        return []
    documents, tokens = np.cumsum(histogram.documents), np.cumsum(histogram.tokens)
    shares = np.arange(1, POINTS + 1) / POINTS
    at = np.unique(np.searchsorted(documents, shares * documents[-1] - 1e-9))
    points = [
        Retained(threshold=threshold, documents=kept_documents, tokens=kept_tokens)
        for threshold, kept_documents, kept_tokens in zip(
            histogram.least_kept(at).tolist(),
            documents[at].tolist(),
            tokens[at].tolist(),
            strict=True,
        )
    ]
    if cut is None:
        return points
    other_points = [point for point in points if point.threshold != cut.threshold]
    return sorted([*other_points, cut], key=lambda point: -point.threshold)


def by_group(
    retained: Sequence[Retained],
    groups: Mapping[str, GroupNight],
    cut: float | None,
    kept: Mapping[str, tuple[int, int]],
) -> list[RetainedGroup]:
    """Return what the points of the curve keep of each group, the largest groups first.

    Args:
        retained: the points, from `retention`.
        groups: the groups by label.
        cut: the threshold in use; None if there is none.
        kept: documents and tokens that it keeps, by the group's label.
    """
    found = []
    for label, group in sorted(groups.items(), key=lambda item: (-item[1].documents, item[0])):
        histogram = group.histogram
        if not histogram.size:
            continue
        documents = np.concatenate([[0], np.cumsum(histogram.documents)])
        tokens = np.concatenate([[0], np.cumsum(histogram.tokens)])
        # a threshold of the curve is the least reward of a cell, so that cells are kept whole
        keys = best_first(histogram.least_kept(np.arange(len(histogram.cells))).astype(np.float32))
        wanted = best_first(np.array([point.threshold for point in retained], np.float32))
        at = np.searchsorted(keys, wanted, side="right")
        kept_documents, kept_tokens = documents[at].tolist(), tokens[at].tolist()
        for number, point in enumerate(retained):
            if point.threshold == cut:
                kept_documents[number], kept_tokens[number] = _kept_of(label, groups, kept)
        found.append(
            RetainedGroup(
                name=name_of(label), label=label, documents=kept_documents, tokens=kept_tokens
            )
        )
    return found


def _kept_of(
    label: str, groups: Mapping[str, GroupNight], kept: Mapping[str, tuple[int, int]]
) -> tuple[int, int]:
    """Return the documents and tokens kept of a group. `OTHER` is all groups not shown alone."""
    if label != OTHER:
        return kept.get(label, (0, 0))
    others = [counted for name, counted in kept.items() if name not in groups]
    return sum(documents for documents, _ in others), sum(tokens for _, tokens in others)
