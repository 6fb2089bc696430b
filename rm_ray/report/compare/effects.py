"""How far two histograms are from one another, and how far chance alone takes them.

Effects are sizes, not verdicts: with many documents every difference is significant, with few none
matters. Chance is known by drawing a night of the same size from both pooled, again and again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rm_ray.counts.histograms import Histogram

Array = npt.NDArray[np.float64]
# Draws that a floor is taken from, and those for the tail of what may alert.
DRAWS, TAIL_DRAWS = 2_000, 100_000
# Draws are made from so many bins of both pooled; many draws from fewer.
BINS, TAIL_BINS = 256, 64
# Classes of the population stability index.
CLASSES = 10
# A reward is an outlier so many widths of the middle half beyond that half: for normal rewards 11
# standard deviations.
FAR = 8.0
# Draws made at once.
_BATCH = 5_000
# More documents are scaled down: numpy draws from at most 10^9, and floors shrink with 1/sqrt(n).
_MOST = 500_000_000
# Draws beyond which the tail is taken for exponential.
_TAIL = 100


@dataclass(frozen=True)
class Effects:
    """Of one comparison, or arrays of many.

    Rewards far outside the usual range are taken for the ends of that range (`bounds`).
    """

    wasserstein: Any
    """The distance between both distributions in sd of the baseline."""
    psi: Any
    """The population stability index on the baseline's deciles."""
    mean: Any
    """The change of the mean in sd of the baseline, without its sign."""
    spread: Any
    """The sd over the baseline's."""
    shift: Any
    """The change of the mean with its sign."""


def effects(tonight: Histogram, baseline: Histogram) -> Effects:
    """Of two histograms, each with at least one document."""
    values, mine, theirs = _aligned(tonight, baseline)
    found = _effects(values, mine[None], theirs[None])
    return Effects(*(float(column[0]) for column in vars(found).values()))


def distance(values: Array, mine: Array, theirs: Array) -> float:
    """Wasserstein distance (of order 1) of two weighings of the same values, ascending."""
    apart = np.cumsum(mine / mine.sum()) - np.cumsum(theirs / theirs.sum())
    return float((np.abs(apart[:-1]) * np.diff(values)).sum())


def aligned(histograms: Sequence[Histogram]) -> tuple[Array, list[Array]]:
    """The values of all of them, ascending, and of each how many documents have which."""
    cells = np.unique(np.concatenate([one.cells for one in histograms]))
    columns = []
    for one in histograms:
        column = np.zeros(len(cells))
        column[np.searchsorted(cells, one.cells)] = one.documents
        columns.append(column[::-1])
    none = np.zeros_like(cells)
    return Histogram(cells, none, none).values[::-1], columns


@dataclass(frozen=True)
class Noise:
    """What effects chance alone has: draws, each kind sorted; small spreads stand first. `least`:
    as often as any single night can come by chance, since so few can be drawn.
    """

    wasserstein: Array
    psi: Array
    mean: Array
    spread: Array
    least: float

    def p(self, kind: str, effect: float) -> float:
        """How often chance alone has an effect as large, or a spread as small.

        Beyond the hundred most extreme draws the tail is taken for exponential, from their mean
        excess; it falls no slower than that, but where so few documents are drawn that their
        nights can be counted.
        """
        draws, sign = self._towards(kind)
        return max(self.least, _tail(draws, sign * effect))

    def point(self, kind: str, p: float) -> float:
        """The effect that chance alone reaches that often."""
        draws, sign = self._towards(kind)
        beyond = int(p * len(draws))
        if beyond >= _TAIL or p * len(draws) >= len(draws) // 2:
            return float(sign * draws[len(draws) - beyond - 1])
        k = min(_TAIL, len(draws) // 2)
        start = draws[-k - 1]
        excess = float(draws[-k:].mean() - start)
        return float(sign * (start + excess * np.log(k / (p * len(draws)))))

    def _towards(self, kind: str) -> tuple[Array, float]:
        """The draws so that large is extreme, and the sign that makes them so."""
        draws = getattr(self, kind)
        return (-draws[::-1], -1.0) if kind == "spread" else (draws, 1.0)


def noise(tonight: Histogram, baseline: Histogram, draws: int, seed: int) -> Noise:
    """What chance alone does between a night and a baseline of these sizes.

    Args:
        seed: the same gives the same draws.
    """
    bins = BINS if draws < TAIL_DRAWS else TAIL_BINS
    values, pooled = _coarse(*_aligned(tonight, baseline), bins)
    size = tonight.size
    shrunk = min(1.0, _MOST / pooled.sum())
    counts = np.maximum(1, np.round(pooled * shrunk)).astype(np.int64)
    size = min(max(1, round(size * shrunk)), int(counts.sum()) - 1)
    rng = np.random.default_rng(seed)
    found = []
    for count in _batches(draws):
        drawn = rng.multivariate_hypergeometric(counts, size, count, method="marginals")
        found.append(
            _effects(values, drawn.astype(np.float64), (counts - drawn).astype(np.float64))
        )
    wasserstein, psi, mean, spread = (
        np.concatenate([getattr(one, name) for one in found])
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
    """The logarithm of how many ways there are to draw k of n."""
    return float(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def bounds(*histograms: Histogram) -> tuple[float, float]:
    """The range outside of which a reward is an outlier: many times as wide as the middle half of
    any of these histograms.

    One reward of 65,504 among thousands of around 1 would make every shift look like nothing; but
    where most rewards have moved far, all of them are in the range.
    """
    halves = [_middle(one) for one in histograms]
    if not any(most > least for least, most in halves):
        return -np.inf, np.inf
    return (
        min(least - FAR * (most - least) for least, most in halves),
        max(most + FAR * (most - least) for least, most in halves),
    )


def _middle(histogram: Histogram) -> tuple[float, float]:
    """Between which values the middle half lies; of rewards that hardly vary, more than half."""
    for low, high in ((0.25, 0.75), (0.1, 0.9), (0.01, 0.99)):
        least, most = histogram.quantiles((low, high)).tolist()
        if most > least:
            break
    return least, most


def _aligned(tonight: Histogram, baseline: Histogram) -> tuple[Array, Array, Array]:
    values, (mine, theirs) = aligned([tonight, baseline])
    return np.clip(values, *bounds(tonight, baseline)), mine, theirs


def _coarse(values: Array, mine: Array, theirs: Array, bins: int) -> tuple[Array, Array]:
    """Bins: their mean values, and the documents of both pooled.

    Each has about as large a share of the documents, of their distances from the mean and of the
    squares of these, together: rare and far values, which these effects hang on, stay apart.
    """
    pooled = mine + theirs
    away = np.abs(values - values @ pooled / pooled.sum())
    weights = pooled * (1 + _unit(away, pooled) + _unit(away**2, pooled))
    middle = np.cumsum(weights) - weights / 2
    number = (middle * bins / weights.sum()).astype(np.int64)
    firsts = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))
    counts = np.add.reduceat(pooled, firsts)
    return np.add.reduceat(pooled * values, firsts) / counts, counts


def _unit(values: Array, counts: Array) -> Array:
    """In units of their mean."""
    mean = values @ counts / counts.sum()
    return values / mean if mean else values


def _effects(values: Array, mine: Array, theirs: Array) -> Effects:
    """Of many comparisons, one a row; the documents that have each value, ascending."""
    n, m = mine.sum(axis=1), theirs.sum(axis=1)
    values = values - values @ (mine + theirs)[0] / (n[0] + m[0])  # fewer digits are lost so
    below_mine, below = np.cumsum(mine, axis=1), np.cumsum(theirs, axis=1)
    apart = np.abs(below_mine / n[:, None] - below / m[:, None])
    mean_mine, mean = mine @ values / n, theirs @ values / m
    sd_mine = np.sqrt(np.maximum(0, mine @ values**2 / n - mean_mine**2))
    sd = np.sqrt(np.maximum(0, theirs @ values**2 / m - mean**2))
    # a baseline without spread is measured by what both have together
    pooled = np.sqrt(np.maximum(0, (mine + theirs) @ values**2 / (n + m)))
    unit = np.where(sd > 0, sd, np.where(pooled > 0, pooled, 1.0))
    return Effects(
        wasserstein=apart[:, :-1] @ np.diff(values) / unit,
        psi=_psi(below_mine, below, n, m),
        mean=np.abs(mean_mine - mean) / unit,
        shift=(mean_mine - mean) / unit,
        spread=np.where((sd_mine == 0) & (sd == 0), 1.0, sd_mine / unit),
    )


def _psi(below_mine: Array, below: Array, n: Array, m: Array) -> Array:
    """Between the classes that the baseline's deciles make, the tenth ones with what is equal to
    them; half a document is added to each, so that an empty class is not infinite.
    """
    wanted = np.arange(1, CLASSES) / CLASSES
    ends = [(below >= (share * m - 1e-9)[:, None]).argmax(axis=1) for share in wanted]
    shares = []
    for running, size in ((below_mine, n), (below, m)):
        at = np.stack([running[np.arange(len(end)), end] for end in ends], axis=1)
        edges = np.concatenate([np.zeros((len(at), 1)), at, size[:, None]], axis=1)
        shares.append((np.diff(edges, axis=1) + 0.5) / (size[:, None] + CLASSES / 2))
    mine, theirs = shares
    found: Array = ((mine - theirs) * np.log(mine / theirs)).sum(axis=1)
    return found


def _tail(draws: Array, effect: float) -> float:
    above = len(draws) - int(np.searchsorted(draws, effect - 1e-12, side="left"))
    if above >= _TAIL:
        return (above + 1) / (len(draws) + 1)
    k = min(_TAIL, len(draws) // 2)
    start = float(draws[-k - 1])
    excess = float(draws[-k:].mean()) - start
    if excess <= 0:  # chance has hardly more than one effect
        return (above + 1) / (len(draws) + 1)
    return float(
        min((k + 1) / (len(draws) + 1), k / len(draws) * np.exp((start - effect) / excess))
    )


def _batches(draws: int) -> Iterator[int]:
    while draws > 0:
        yield min(_BATCH, draws)
        draws -= _BATCH
