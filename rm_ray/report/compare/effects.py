"""The distance between two histograms, and the distance that chance alone makes.

Effects are sizes, not verdicts: with many documents every difference is significant, with few none
matters. To measure chance, nights of the same size are drawn many times from both histograms
pooled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rm_ray.counts.histograms import Histogram

Array = npt.NDArray[np.float64]
# Number of draws for a floor, and for the tail of an effect that may alert.
DRAWS, TAIL_DRAWS = 2_000, 100_000
# Number of bins that draws are made from: for a floor, and for the tail.
BINS, TAIL_BINS = 256, 64
# Classes of the population stability index.
CLASSES = 10
# A reward is an outlier if it is farther from the middle half of the rewards than so many widths of
# that half: 11 standard deviations from the mean, if the rewards are normal.
FAR = 8.0
# Draws made at once.
_BATCH = 5_000
# More documents are scaled down: numpy draws from at most 10^9, and floors shrink with 1/sqrt(n).
_MOST = 500_000_000
# Number of the most extreme draws; beyond them the tail is taken for exponential.
_TAIL = 100


@dataclass(frozen=True)
class Effects:
    """The effects of one comparison, or arrays of the effects of many comparisons.

    Rewards far outside the usual range count as the ends of that range (`bounds`).
    """

    wasserstein: Any
    """Distance between both distributions, in sd of the baseline."""
    psi: Any
    """Population stability index on the baseline's deciles."""
    mean: Any
    """Change of the mean in sd of the baseline, without its sign."""
    spread: Any
    """Sd, divided by the baseline's."""
    shift: Any
    """Change of the mean in sd of the baseline, with its sign."""


def effects(tonight: Histogram, baseline: Histogram) -> Effects:
    """Measure the effects between two histograms, each with at least one document."""
    values, now, before = _aligned(tonight, baseline)
    arrays = _effects(values, now[None], before[None])
    return Effects(*(float(column[0]) for column in vars(arrays).values()))


def distance(values: Array, mine: Array, theirs: Array) -> float:
    """Return the Wasserstein distance (of order 1) between two distributions.

    Args:
        values: ascending.
        mine: the weight of each value in the first distribution.
        theirs: the weight of each value in the second distribution.
    """
    apart = np.cumsum(mine / mine.sum()) - np.cumsum(theirs / theirs.sum())
    return float((np.abs(apart[:-1]) * np.diff(values)).sum())


def aligned(histograms: Sequence[Histogram]) -> tuple[Array, list[Array]]:
    """Put histograms on common values.

    Returns:
        The values of all histograms, ascending; and for each histogram the documents that have
        each value.
    """
    cells = np.unique(np.concatenate([histogram.cells for histogram in histograms]))
    columns = []
    for histogram in histograms:
        column = np.zeros(len(cells))
        column[np.searchsorted(cells, histogram.cells)] = histogram.documents
        columns.append(column[::-1])
    none = np.zeros_like(cells)
    return Histogram(cells, none, none).values[::-1], columns


@dataclass(frozen=True)
class Noise:
    """The effects that chance alone makes, in many draws. Each array is sorted, ascending."""

    wasserstein: Array
    """Distances, in sd of the baseline."""
    psi: Array
    """Population stability indices."""
    mean: Array
    """Changes of the mean, in sd of the baseline, without their signs."""
    spread: Array
    """Ratios of the sd."""
    least: float
    """Probability of any single draw, if all are equally likely: p is never smaller."""

    def p(self, kind: str, effect: float) -> float:
        """Return how often chance alone makes an effect as large, or a spread as small.

        Beyond the hundred most extreme draws the tail is taken for exponential, with their mean
        excess. Real tails fall at least as fast. The exception is a night of so few documents that
        all possible draws can be counted: there `least` is the limit.
        """
        draws, sign = self._towards(kind)
        return max(self.least, _tail(draws, sign * effect))

    def point(self, kind: str, p: float) -> float:
        """Return the effect that chance alone reaches with probability `p`."""
        draws, sign = self._towards(kind)
        beyond = int(p * len(draws))
        if beyond >= _TAIL or p * len(draws) >= len(draws) // 2:
            return float(sign * draws[len(draws) - beyond - 1])
        k = min(_TAIL, len(draws) // 2)
        start = draws[-k - 1]
        excess = float(draws[-k:].mean() - start)
        return float(sign * (start + excess * np.log(k / (p * len(draws)))))

    def _towards(self, kind: str) -> tuple[Array, float]:
        """Return the draws with a sign that makes large ones extreme, and that sign."""
        draws = getattr(self, kind)
        return (-draws[::-1], -1.0) if kind == "spread" else (draws, 1.0)


def noise(tonight: Histogram, baseline: Histogram, draws: int, seed: int) -> Noise:
    """Draw the effects that chance alone makes between a night and a baseline of these sizes.

    Args:
        tonight: the night's histogram.
        baseline: the baseline's histogram.
        draws: the number of draws.
        seed: the same seed gives the same draws.
    """
    bins = BINS if draws < TAIL_DRAWS else TAIL_BINS
    values, pooled = _coarse(*_aligned(tonight, baseline), bins)
    size = tonight.size
    shrunk = min(1.0, _MOST / pooled.sum())
    counts = np.maximum(1, np.round(pooled * shrunk)).astype(np.int64)
    size = min(max(1, round(size * shrunk)), int(counts.sum()) - 1)
    rng = np.random.default_rng(seed)
    batches = []
    for count in _batches(draws):
        drawn = rng.multivariate_hypergeometric(counts, size, count, method="marginals")
        batches.append(
            _effects(values, drawn.astype(np.float64), (counts - drawn).astype(np.float64))
        )
    wasserstein, psi, mean, spread = (
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("wasserstein", "psi", "mean", "spread")
    )
    root = np.sqrt(shrunk)
    return Noise(
        wasserstein=np.sort(wasserstein * root),
        psi=np.sort(psi * shrunk),
        mean=np.sort(mean * root),
        spread=np.sort(1 + (spread - 1) * root),
        least=float(np.exp(-_log_choices(tonight.size + baseline.size, tonight.size))),
    )


def _log_choices(n: int, k: int) -> float:
    """Return the logarithm of the number of ways to draw k of n."""
    return float(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def bounds(*histograms: Histogram) -> tuple[float, float]:
    """Return the range outside of which a reward is an outlier.

    The range is many times as wide as the middle half of any of these histograms. Without it, one
    reward of 65,504 among thousands of rewards around 1 would make every shift look like nothing.
    If most rewards have moved far, all of them are in the range.
    """
    halves = [_middle(histogram) for histogram in histograms]
    if not any(most > least for least, most in halves):
        return -np.inf, np.inf
    return (
        min(least - FAR * (most - least) for least, most in halves),
        max(most + FAR * (most - least) for least, most in halves),
    )


def _middle(histogram: Histogram) -> tuple[float, float]:
    """Return the ends of the middle half of the rewards; of more than half if they hardly vary."""
    for low, high in ((0.25, 0.75), (0.1, 0.9), (0.01, 0.99)):
        least, most = histogram.quantiles((low, high)).tolist()
        if most > least:
            break
    return least, most


def _aligned(tonight: Histogram, baseline: Histogram) -> tuple[Array, Array, Array]:
    values, (now, before) = aligned([tonight, baseline])
    return np.clip(values, *bounds(tonight, baseline)), now, before


def _coarse(values: Array, now: Array, before: Array, bins: int) -> tuple[Array, Array]:
    """Pool both sides in bins. Return the mean value and the documents of each bin.

    A document's weight is the sum of three parts: 1, its distance from the mean, and the square of
    that distance, each in units of its mean. All bins have about the same weight. So rare and far
    values, on which the effects depend, have bins of their own.
    """
    pooled = now + before
    distances = np.abs(values - values @ pooled / pooled.sum())
    weights = pooled * (1 + _unit(distances, pooled) + _unit(distances**2, pooled))
    middle = np.cumsum(weights) - weights / 2
    number = (middle * bins / weights.sum()).astype(np.int64)
    firsts = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))
    counts = np.add.reduceat(pooled, firsts)
    return np.add.reduceat(pooled * values, firsts) / counts, counts


def _unit(values: Array, counts: Array) -> Array:
    """Return values in units of their mean."""
    mean = values @ counts / counts.sum()
    return values / mean if mean else values


def _effects(values: Array, now: Array, before: Array) -> Effects:
    """Measure the effects of many comparisons at once.

    Args:
        values: ascending.
        now: the nights' documents: one comparison a row, one value a column.
        before: the baselines' documents, in the same shape.
    """
    n, m = now.sum(axis=1), before.sum(axis=1)
    values = values - values @ (now + before)[0] / (n[0] + m[0])  # loses fewer digits
    below_now, below_before = np.cumsum(now, axis=1), np.cumsum(before, axis=1)
    apart = np.abs(below_now / n[:, None] - below_before / m[:, None])
    mean_now, mean_before = now @ values / n, before @ values / m
    sd_now = np.sqrt(np.maximum(0, now @ values**2 / n - mean_now**2))
    sd_before = np.sqrt(np.maximum(0, before @ values**2 / m - mean_before**2))
    # if the baseline has no spread, the unit is the sd of both sides pooled
    pooled = np.sqrt(np.maximum(0, (now + before) @ values**2 / (n + m)))
    unit = np.where(sd_before > 0, sd_before, np.where(pooled > 0, pooled, 1.0))
    return Effects(
        wasserstein=apart[:, :-1] @ np.diff(values) / unit,
        psi=_psi(below_now, below_before, n, m),
        mean=np.abs(mean_now - mean_before) / unit,
        shift=(mean_now - mean_before) / unit,
        spread=np.where((sd_now == 0) & (sd_before == 0), 1.0, sd_now / unit),
    )


def _psi(
    below_now: Array, below_before: Array, documents_now: Array, documents_before: Array
) -> Array:
    """Return the population stability indices on the classes between the baseline's deciles.

    A value equal to a decile belongs to the class below. Half a document is added to each class, so
    that an empty class does not make the index infinite.
    """
    deciles = np.arange(1, CLASSES) / CLASSES
    ends = [
        (below_before >= (share * documents_before - 1e-9)[:, None]).argmax(axis=1)
        for share in deciles
    ]
    shares = []
    for running, size in ((below_now, documents_now), (below_before, documents_before)):
        at = np.stack([running[np.arange(len(end)), end] for end in ends], axis=1)
        edges = np.concatenate([np.zeros((len(at), 1)), at, size[:, None]], axis=1)
        shares.append((np.diff(edges, axis=1) + 0.5) / (size[:, None] + CLASSES / 2))
    now, before = shares
    indices: Array = ((now - before) * np.log(now / before)).sum(axis=1)
    return indices


def _tail(draws: Array, effect: float) -> float:
    above = len(draws) - int(np.searchsorted(draws, effect - 1e-12, side="left"))
    if above >= _TAIL:
        return (above + 1) / (len(draws) + 1)
    k = min(_TAIL, len(draws) // 2)
    start = float(draws[-k - 1])
    excess = float(draws[-k:].mean()) - start
    if excess <= 0:  # chance makes hardly more than one effect
        return (above + 1) / (len(draws) + 1)
    return float(
        min((k + 1) / (len(draws) + 1), k / len(draws) * np.exp((start - effect) / excess))
    )


def _batches(draws: int) -> Iterator[int]:
    while draws > 0:
        yield min(_BATCH, draws)
        draws -= _BATCH
