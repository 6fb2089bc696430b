"""Figures of labelled rewards with confidence intervals. Pure functions without files.

Intervals come from resampling documents, because the windows of one document are alike: documents
are drawn with replacement, as many as there are, and every figure is computed from the draw (the
percentile bootstrap of clusters). Resampling cannot move a figure if all documents agree. The bound
then is Clopper and Pearson's for that number of documents: if n documents are all right, the share
of right ones may be as low as 0.025 ** (1 / n).
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
# Maximum of resamples x texts: with many texts, fewer resamples are drawn.
MOST_WEIGHED = 400_000_000
FEWEST_RESAMPLES = 200
# Weights held at once.
BATCH = 4_000_000
# Standard errors that a true difference needs to be seen at 5% (two-sided) in 8 of 10 tries:
# the sum of the normal quantiles of 0.975 and 0.8 (Bloom 1995, Evaluation Review 19, 547).
SEEN = 2.8016


@dataclass(frozen=True)
class Estimate:
    """An Estimate is a figure with its 95% interval."""

    value: float
    """The figure of all documents."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    error: float
    """Standard error by resampling."""


class Figure(Protocol):
    """A Figure is computed from weighted texts."""

    def of(self, weights: Floats) -> Floats:
        """Return the figure of each row of weights [resamples, texts]; nan for a row without
        one.
        """


@dataclass(frozen=True)
class Mean:
    """The weighted mean of a value per text, over the texts that count."""

    values: Floats
    """Value of each text."""
    counts: Flags
    """True for the texts that count."""

    def of(self, weights: Floats) -> Floats:
        """Return the mean of each row."""
        with np.errstate(invalid="ignore", divide="ignore"):
            weight: Floats = weights[:, self.counts]
            means: Floats = weight @ self.values[self.counts] / weight.sum(axis=1)
        return means


class Auc:
    """The frequency with which a good text is above a bad one, ties counting half (Mann and
    Whitney).
    """

    def __init__(self, rewards: Floats, good: Flags) -> None:
        """Sort the texts once, for all rows of weights."""
        self._order = np.argsort(rewards, kind="stable")
        ordered = rewards[self._order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self._starts = starts[: len(ordered)]
        self._good = good[self._order].astype(np.float64)

    def of(self, weights: Floats) -> Floats:
        """Return the AUC of each row."""
        ordered = weights[:, self._order]
        above = ordered * self._good
        good = np.add.reduceat(above, self._starts, axis=1)
        bad = np.add.reduceat(ordered - above, self._starts, axis=1)
        below = np.cumsum(bad, axis=1) - bad / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            areas: Floats = (good * below).sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1))
        return areas


def auc(rewards: Floats, good: Flags) -> float:
    """Return the AUC of labelled texts; nan unless both labels occur."""
    if good.all() or not good.any():
        return float("nan")
    return float(Auc(rewards, good).of(np.ones((1, len(rewards))))[0])


def clusters(documents: Ints, good: Flags) -> int:
    """Return the number of documents with good texts, or with bad texts if these are fewer."""
    return min(len(np.unique(documents[good])), len(np.unique(documents[~good])))


def seed_of(seed: int, name: str) -> list[int]:
    """Return a seed per group name, so that other groups do not change the draws of this one."""
    return [seed, zlib.crc32(name.encode())]


def resampled(
    figures: Sequence[Figure], documents: Ints, seed: Sequence[int], resamples: int
) -> Floats:
    """Compute figures of the texts and of each resample, [1 + resamples, figures].

    The first row is of the texts themselves.

    Args:
        documents: the number of each text's document.
    """
    _, places = np.unique(documents, return_inverse=True)
    count = int(places.max()) + 1 if len(places) else 0
    resamples = max(FEWEST_RESAMPLES, min(resamples, MOST_WEIGHED // max(1, len(places))))
    rows = [np.ones((1, len(places)))]
    computed = [_row(figures, rows[0])]
    for weights in _draws(count, np.random.default_rng(seed), resamples, len(places)):
        computed.append(_row(figures, weights[:, places]))
    return np.concatenate(computed)


def _row(figures: Sequence[Figure], weights: Floats) -> Floats:
    return np.stack([figure.of(weights) for figure in figures], axis=1)


def _draws(
    documents: int, rng: np.random.Generator, resamples: int, texts: int
) -> Iterator[Floats]:
    """Yield how often each document is drawn, several resamples at a time."""
    at_once = max(1, BATCH // max(1, texts))
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = rng.integers(0, documents, size=(rows, documents))
        numbers = drawn + documents * np.arange(rows)[:, None]
        counts = np.bincount(numbers.ravel(), minlength=rows * documents)
        yield counts.reshape(rows, documents).astype(np.float64)


def estimate(drawn: Floats, documents: int, *, share: bool = True) -> Estimate | None:
    """Return a figure with its interval, from its column of `resampled`; None if it has no value.

    Args:
        documents: number of documents.
        share: the figure is a share from 0 to 1.
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
    if share and value in (0.0, 1.0):  # all documents agree
        bound = outside ** (1 / max(1, documents))
        low, high = (bound, 1.0) if value else (0.0, 1 - bound)
    return Estimate(value, float(min(low, value)), float(max(high, value)), error)


def smallest_difference(error: float) -> float:
    """Return the smallest true difference between two judges that these documents can show.

    It is seen in 8 of 10 tries, at 5% two-sided, if the judges' errors are independent: SEEN *
    sqrt(2) * the figure's standard error (Bloom 1995, see SEEN). Judges that are wrong about the
    same texts can be told apart from a smaller difference; `--against` computes it for two judges.
    """
    return float(SEEN * np.sqrt(2) * error)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's correlation; nan if one of the two does not vary."""
    from scipy.stats import rankdata

    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def between_share(rewards: Floats, groups: npt.NDArray[np.object_]) -> float:
    """Return the share of the rewards' variance that is between groups.

    It is adjusted for chance, so that many small groups explain nothing by their number alone
    (epsilon squared, Kelley 1935), and is never below 0.
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
