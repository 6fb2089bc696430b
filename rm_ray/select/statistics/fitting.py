"""Fits the forecasts of the stop rule and of the cheap judge, on documents judged whole."""

import math

import numpy as np
from scipy import special, stats
from scipy.optimize import nnls

from rm_ray.judges.preference.stopping import NOBODY, Floats, Forecast, Ints, StopTable
from rm_ray.select.statistics.cheap import CheapForecast
from rm_ray.select.statistics.sampled import Sampled

# Judging never stops at a look that fewer documents of the fit have reached.
LEAST_FITTED = 30
# The forecasts clip the chunk rewards at these quantiles, on each side.
CLIPPED = (0.02, 0.1)
# A cheap judge is trusted if its correlation is so many standard errors above 0 (Fisher's z).
TRUSTED = 3.0


def fit_table(sampled: Sampled) -> StopTable:
    """Fit a forecast for each look that at least 30 documents reach with a chunk left.

    The table decides nobody until it gets a strictness.
    """
    clips = tuple(
        (float(low), float(high))
        for low, high in (
            np.quantile(sampled.chunk_rewards, [share, 1 - share]) for share in CLIPPED
        )
    )
    sums = np.concatenate([[0.0], np.cumsum(sampled.chunk_rewards)])
    forecasts = []
    for row, look in enumerate(sampled.looks):
        reached = np.flatnonzero(sampled.chunks > look)
        if len(reached) >= LEAST_FITTED:
            means = sampled.means(clips)[:, row, reached]
            forecasts.append(_fit(sampled, look, reached, means, sums))
    return StopTable(tuple(forecasts), NOBODY, clips)


def _fit(sampled: Sampled, look: int, documents: Ints, means: Floats, sums: Floats) -> Forecast:
    """Fit the forecast of one look.

    Each document also stands for a shorter one, whose remaining chunks are the first half. So the
    two parts of the variance can be told apart even if all documents have the same length.

    Args:
        sampled: the documents.
        look: chunks that are judged at this look.
        documents: numbers of the documents that have chunks left.
        means: means of their judged chunks, plain and clipped, [1 + clips, documents].
        sums: sum of all chunk rewards before each chunk, [chunks + 1].
    """
    starts = sampled.offsets[documents] + look
    remaining = sampled.chunks[documents] - look
    halves = (remaining + 1) // 2
    rest = (sums[starts + remaining] - sums[starts]) / remaining
    half = (sums[starts + halves] - sums[starts]) / halves
    centre = means.mean(axis=1, keepdims=True)
    slopes = np.linalg.lstsq((means - centre).T, rest - rest.mean(), rcond=1e-9)[0]
    intercept = float(rest.mean() - slopes @ centre[:, 0])
    predicted = intercept + slopes @ means
    squares = np.concatenate([rest - predicted, half - predicted]) ** 2
    between, within = _variances(squares, np.concatenate([remaining, halves]))
    return Forecast(look, intercept, tuple(slopes.tolist()), between**0.5, within**0.5)


def _variances(squares: Floats, chunks: Ints) -> tuple[float, float]:
    """Split squared deviations of means into a constant part and a part over the chunks' number.

    Least squares with both parts at least 0. A squared deviation is the less certain the larger
    its expectation, so the second pass weights by the first one's result.
    """
    parts = np.stack([np.ones(len(chunks)), 1 / chunks], axis=1)
    weights = np.ones(len(chunks))
    between = within = 0.0
    for _ in range(2):
        between, within = nnls(parts * weights[:, None], squares * weights)[0]
        expected = between + within / chunks
        weights = 1 / np.maximum(expected, 1e-12)
    return float(between), float(within)


def fit_cheap(cheap: Floats, rewards: Floats) -> CheapForecast | None:
    """Fit the relation of the cheap reward and the reward; None if it does not clearly rise.

    The result decides nobody until it gets a strictness.

    Args:
        cheap: cheap rewards, nan for none, [documents].
        rewards: rewards of the same documents, [documents].
    """
    known = np.isfinite(cheap)
    cheap, rewards = cheap[known], rewards[known]
    x, y = normal_scores(cheap), normal_scores(rewards)
    if len(x) < LEAST_FITTED or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    correlation = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    certain = np.arctanh(min(correlation, 1 - 1e-12)) * math.sqrt(len(x) - 3)
    if certain < TRUSTED:
        return None
    values, first = np.unique(cheap, return_index=True)
    own, own_first = np.unique(rewards, return_index=True)
    return CheapForecast(
        cheap=tuple(values.tolist()),
        cheap_scores=tuple(x[first].tolist()),
        rewards=tuple(own.tolist()),
        scores=tuple(y[own_first].tolist()),
        slope=correlation * float(y.std() / x.std()),
        deviation=float(y.std()) * math.sqrt(1 - correlation**2),
    )


def normal_scores(values: Floats) -> Floats:
    """Return the normal quantile of each value's rank; tied values share their mean rank."""
    return np.asarray(special.ndtri((stats.rankdata(values) - 0.5) / max(1, len(values))))
