"""What thresholds keep: documents and tokens, exact, so that a cut is chosen by looking."""

import numpy as np

from rm_ray.counts.histograms import Histogram
from rm_ray.report.figures import Retained

# Points of the curve; thresholds near round shares of the documents.
POINTS = 100


def retention(histogram: Histogram, cut: Retained | None) -> list[Retained]:
    """From the highest threshold to the one that keeps all; the cut in use in its place."""
    if not len(histogram.cells):
        return []
    documents, tokens = np.cumsum(histogram.documents), np.cumsum(histogram.tokens)
    shares = np.arange(1, POINTS + 1) / POINTS
    at = np.unique(np.searchsorted(documents, shares * documents[-1] - 1e-9))
    found = [
        Retained(threshold=threshold, documents=kept, tokens=theirs)
        for threshold, kept, theirs in zip(
            histogram.least_kept(at).tolist(),
            documents[at].tolist(),
            tokens[at].tolist(),
            strict=True,
        )
    ]
    if cut is None:
        return found
    others = [one for one in found if one.threshold != cut.threshold]
    return sorted([*others, cut], key=lambda one: -one.threshold)
