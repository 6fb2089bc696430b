"""Figures of labelled rewards, and how far chance moves them. Pure; knows nothing of files.

Intervals are made by resampling documents, since the windows of one document are alike: each time
as many documents are drawn anew, with putting back, and every figure is made of those (the
percentile bootstrap of clusters). Where resampling cannot move a figure, because every document
says the same, the bound is that of Clopper and Pearson for so many documents: of n documents that
are all right, the share of right ones may be as low as 0.025 ** (1 / n).
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

COVERED = 0.95
# Resamples of many texts are fewer, so that all of them together weigh no more than this.
MOST_WEIGHED = 400_000_000
FEWEST_RESAMPLES = 200
# Numbers that are weighed at once.
BATCH = 4_000_000
# Standard errors that a true difference needs to be seen at 5% (two-sided) in 8 of 10 tries:
# the sum of the normal quantiles of 0.975 and 0.8 (Bloom 1995, Evaluation Review 19, 547).
SEEN = 2.8016


@dataclass(frozen=True)
class Estimate:
    """A figure of the documents, and where it may be: 95% from `low` to `high`. `error`: its
    standard error by resampling.
    """

    value: float
    low: float
    high: float
    error: float


class Figure(Protocol):
    """A figure that is made of texts with weights."""

    def of(self, weights: Floats) -> Floats:
        """The figure of each row of weights, [resamples, texts]; nan where it has none."""


@dataclass(frozen=True)
class Mean:
    """The weighted mean of a value of each text, of those that count."""

    values: Floats
    counts: Flags

    def of(self, weights: Floats) -> Floats:
        """A mean of each row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mine: Floats = weights[:, self.counts]
            means: Floats = mine @ self.values[self.counts] / mine.sum(axis=1)
        return means


class Auc:
    """How often a good text is above a bad one, ties counting half (Mann and Whitney)."""

    def __init__(self, rewards: Floats, good: Flags) -> None:
        """Sort the texts once."""
        self._order = np.argsort(rewards, kind="stable")
        ordered = rewards[self._order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self._starts = starts[: len(ordered)]
        self._good = good[self._order].astype(np.float64)

    def of(self, weights: Floats) -> Floats:
        """An AUC of each row."""
        mine = weights[:, self._order]
        above = mine * self._good
        good = np.add.reduceat(above, self._starts, axis=1)
        bad = np.add.reduceat(mine - above, self._starts, axis=1)
        below = np.cumsum(bad, axis=1) - bad / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (good * below).sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1))
        return found


def auc(rewards: Floats, good: Flags) -> float:
    """The AUC of labelled texts; nan without one of either label."""
    if good.all() or not good.any():
        return float("nan")
    return float(Auc(rewards, good).of(np.ones((1, len(rewards))))[0])


def clusters(documents: Ints, good: Flags) -> int:
    """How many documents speak: those of good or those of bad texts, whichever are fewer."""
    return min(len(np.unique(documents[good])), len(np.unique(documents[~good])))


def seed_of(seed: int, name: str) -> list[int]:
    """A seed of its own for each group, which does not change when others come or go."""
    return [seed, zlib.crc32(name.encode())]


def resampled(
    figures: Sequence[Figure], documents: Ints, seed: Sequence[int], resamples: int
) -> Floats:
    """Figures of the texts, and in the rows after that of each resample: [1 + resamples, figures].

    Args:
        documents: the number of each text's document.
    """
    _, places = np.unique(documents, return_inverse=True)
    count = int(places.max()) + 1 if len(places) else 0
    resamples = max(FEWEST_RESAMPLES, min(resamples, MOST_WEIGHED // max(1, len(places))))
    rows = [np.ones((1, len(places)))]
    found = [_row(figures, rows[0])]
    for weights in _draws(count, np.random.default_rng(seed), resamples, len(places)):
        found.append(_row(figures, weights[:, places]))
    return np.concatenate(found)


def _row(figures: Sequence[Figure], weights: Floats) -> Floats:
    return np.stack([figure.of(weights) for figure in figures], axis=1)


def _draws(
    documents: int, rng: np.random.Generator, resamples: int, texts: int
) -> Iterator[Floats]:
    """How often each document is drawn, some resamples at a time."""
    at_once = max(1, BATCH // max(1, texts))
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = rng.integers(0, documents, size=(rows, documents))
        numbers = drawn + documents * np.arange(rows)[:, None]
        counts = np.bincount(numbers.ravel(), minlength=rows * documents)
        yield counts.reshape(rows, documents).astype(np.float64)


def estimate(drawn: Floats, documents: int, *, share: bool = True) -> Estimate | None:
    """A figure with its interval, from its column of `resampled`; None where it has no value.

    Args:
        documents: how many there are.
        share: it is a share, from 0 to 1.
    """
    value, rest = float(drawn[0]), drawn[1:]
    rest = rest[np.isfinite(rest)]
    if not np.isfinite(value):
        return None
    if not len(rest):
        return Estimate(value, *((0.0, 1.0) if share else (value, value)), error=0.0)
    outside = (1 - COVERED) / 2
    low, high = np.quantile(rest, [outside, 1 - outside])
    error = float(rest.std(ddof=1)) if len(rest) > 1 else 0.0
    if share and value in (0.0, 1.0):  # all documents say the same
        bound = outside ** (1 / max(1, documents))
        low, high = (bound, 1.0) if value else (0.0, 1 - bound)
    return Estimate(value, float(min(low, value)), float(max(high, value)), error)


def smallest_difference(error: float) -> float:
    """The smallest true difference between two judges that these documents would have shown.

    In 8 of 10 tries, at 5% two-sided, if the judges' errors had nothing to do with each other: SEEN
    * sqrt(2) * the figure's standard error (Bloom 1995, see SEEN). Judges that are wrong about the
    same texts are told apart from less; `--against` says it of two.
    """
    return float(SEEN * np.sqrt(2) * error)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's; nan where one of them does not vary."""
    from scipy.stats import rankdata

    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def same_best(one: Floats, other: Floats, share: float) -> float:
    """Of the best `share` by one, how many are among as many best by the other. Ties are in the
    order of the texts.
    """
    kept = max(1, round(share * len(one)))
    best = [set(np.argsort(-values, kind="stable")[:kept].tolist()) for values in (one, other)]
    return len(best[0] & best[1]) / kept


def between_share(rewards: Floats, groups: npt.NDArray[np.object_]) -> float:
    """The share of the rewards' variance that is between groups.

    Adjusted for what chance alone puts there, so that many small groups explain nothing by their
    number (epsilon squared, Kelley 1935); 0 where that is all.
    """
    _, places = np.unique(groups.astype(str), return_inverse=True)
    counts = np.bincount(places)
    means = np.bincount(places, weights=rewards) / counts
    whole = float(((rewards - rewards.mean()) ** 2).sum())
    inside = whole - float((counts * (means - rewards.mean()) ** 2).sum())
    free = len(rewards) - len(counts)
    if not whole or free <= 0:
        return 0.0
    return max(0.0, 1 - inside / free * (len(rewards) - 1) / whole)
