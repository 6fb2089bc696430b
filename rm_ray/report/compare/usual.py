"""The usual counts and shares of a group, predicted from the nights before.

A figure of tonight is predicted from the same figure of the nights before, on a scale on which all
nights vary alike. The prediction is that of Student's t for a new observation, with one degree of
freedom less than there are nights. The variance is at least the variance of chance alone: Poisson's
for counts, the binomial's for shares. So a volume that varies by 40% from night to night needs a
far larger change to alert than a volume that hardly varies, and three nights predict nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
# A prediction needs so many nights. With fewer nights, only fixed rules alert.
LEAST_NIGHTS = 7
# Lower bound of the squared coefficient of variation of a document's tokens; 1: the sd is as large
# as the mean.
TOKENS_CV2 = 1.0


@dataclass(frozen=True)
class Prediction:
    """A prediction of tonight's figure on one scale."""

    mean: float
    """Mean of the nights before."""
    error: float
    """Standard error of the prediction of one more night."""
    nights: int
    """Number of the nights before."""

    @classmethod
    def of(cls, values: Array, least: float, least_tonight: float | None = None) -> "Prediction":
        """Predict from the nights before.

        Args:
            values: the figures of the nights before, at least two.
            least: the variance that chance alone makes in the nights before.
            least_tonight: the variance that chance alone makes tonight, if it differs.
        """
        nights = len(values)
        variance = max(float(values.var(ddof=1)), least)
        tonight = max(variance, least if least_tonight is None else least_tonight)
        return cls(float(values.mean()), float(np.sqrt(variance / nights + tonight)), nights)

    def p(self, value: float) -> float:
        """Return how often a night like the nights before is as far off, on either side."""
        return float(2 * stats.t.sf(abs(value - self.mean) / self.error, self.nights - 1))

    def limits(self, p: float) -> tuple[float, float]:
        """Return the limits that a night like the nights before passes with probability `p`."""
        away = float(stats.t.isf(p / 2, self.nights - 1)) * self.error
        return self.mean - away, self.mean + away


@dataclass(frozen=True)
class Scale:
    """A scale, and the prediction of a figure on it."""

    there: Callable[[float], float]
    """Maps a figure to the scale."""
    back: Callable[[float], float]
    """Maps a value of the scale to the figure."""
    predicted: Prediction
    """The prediction on the scale."""


@dataclass(frozen=True)
class Usual:
    """A prediction of a figure on one or more scales. The most careful scale counts."""

    expected: float
    """The usual figure: the average of the nights before."""
    scales: Sequence[Scale]
    """Scales with their predictions."""

    def p(self, value: float) -> float:
        """Return the largest p-value of the scales: how often a quiet night is as far off."""
        return max(scale.predicted.p(scale.there(value)) for scale in self.scales)

    def limits(self, p: float) -> tuple[float, float]:
        """Return the figures beyond which the p-value of every scale is smaller than `p`."""
        limits = [
            tuple(scale.back(limit) for limit in scale.predicted.limits(p)) for scale in self.scales
        ]
        return min(low for low, _ in limits), max(high for _, high in limits)


def usual_count(counts: Sequence[int]) -> Usual:
    """Predict a count of documents on two scales: the logarithm and the square root."""
    values = np.asarray(counts, float)
    mean = float(values.mean())
    logs = Prediction.of(np.log(values + 0.5), log_variance(mean))
    roots = Prediction.of(2 * np.sqrt(values + 0.375), 1.0)
    return Usual(
        mean,
        [
            Scale(lambda x: float(np.log(x + 0.5)), lambda y: max(0.0, _exp(y) - 0.5), logs),
            Scale(lambda x: float(2 * np.sqrt(x + 0.375)), _square, roots),
        ],
    )


def usual_amount(amounts: Sequence[float], documents: Sequence[int], tonight: int) -> Usual:
    """Predict the tokens of a night.

    Args:
        amounts: tokens of the nights before.
        documents: documents of the nights before.
        tonight: documents of tonight.
    """
    values = np.asarray(amounts, float)
    least = (1 + TOKENS_CV2) / max(1.0, float(np.mean(documents)))
    return _on_logs(values, least, max(least, (1 + TOKENS_CV2) / max(1, tonight)))


def usual_mean(means: Sequence[float], documents: Sequence[int], tonight: int) -> Usual:
    """Predict the mean tokens of a document.

    Args:
        means: mean tokens of a document, of the nights before.
        documents: documents of the nights before.
        tonight: documents of tonight.
    """
    least = TOKENS_CV2 / max(1.0, float(np.mean(documents)))
    return _on_logs(np.asarray(means, float), least, TOKENS_CV2 / max(1, tonight))


def usual_share(parts: Sequence[int], wholes: Sequence[int], tonight: int) -> Usual:
    """Predict the share of documents with a property, on the logit scale.

    Args:
        parts: documents with the property, of the nights before.
        wholes: all documents of these nights.
        tonight: documents of tonight.
    """
    part, whole = np.asarray(parts, float), np.asarray(wholes, float)
    likely = float((part.sum() + 0.5) / (whole.sum() + 1))  # never 0: a first time may come

    def least(size: float) -> float:
        return log_variance(size * likely) + log_variance(size * (1 - likely))

    values = np.log((part + 0.5) / (whole - part + 0.5))
    predicted = Prediction.of(values, least(float(whole.mean())), least(tonight))

    def there(x: float) -> float:
        return float(np.log((x * tonight + 0.5) / ((1 - x) * tonight + 0.5)))

    def back(y: float) -> float:
        odds = _exp(y)
        return min(1.0, max(0.0, (odds * tonight + (odds - 1) / 2) / (tonight * (1 + odds))))

    return Usual(float(part.sum() / whole.sum()), [Scale(there, back, predicted)])


def none_came(counts: Sequence[int]) -> float:
    """Return how often a night has no document, by the counts of the nights before.

    The counts are taken for a negative binomial with their mean and variance, or for a Poisson if
    they vary no more than that. The result is never less than the share of nights with none.
    """
    values = np.asarray(counts, float)
    mean, variance = float(values.mean()), float(values.var(ddof=1)) if len(values) > 1 else 0.0
    if mean <= 0:
        return 1.0
    none = float(np.exp(-mean))
    if variance > mean:
        size = mean**2 / (variance - mean)
        none = float((size / (size + mean)) ** size)
    return max(none, float((values == 0).mean()))


@cache
def log_variance(rate: float) -> float:
    """Return the variance of log(X + 1/2) for a Poisson variable X."""
    if rate > 200:
        return 1 / rate
    counts = np.arange(int(rate + 12 * np.sqrt(rate) + 20))
    chances, logs = stats.poisson.pmf(counts, rate), np.log(counts + 0.5)
    mean = float(chances @ logs)
    return float(chances @ (logs - mean) ** 2)


def _on_logs(values: Array, least: float, least_tonight: float) -> Usual:
    predicted = Prediction.of(np.log(values + 0.5), least, least_tonight)
    scale = Scale(lambda x: float(np.log(x + 0.5)), lambda y: max(0.0, _exp(y) - 0.5), predicted)
    return Usual(float(values.mean()), [scale])


def _exp(value: float) -> float:
    return float(np.exp(min(value, 500.0)))


def _square(value: float) -> float:
    return max(0.0, max(0.0, value) ** 2 / 4 - 0.375)
