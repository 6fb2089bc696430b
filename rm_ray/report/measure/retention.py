"""Exact documents and tokens that each threshold keeps, so that people can choose a cut."""

import numpy as np

from rm_ray.counts.histograms import Histogram
from rm_ray.report.figures import Retained

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
