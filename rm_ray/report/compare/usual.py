"""What a group's nights usually are: tonight's counts and shares as the nights before predict them.

A figure of one night is predicted from the same figure of the nights before, on a scale on which
nights differ alike: Student's t with one degree of freedom less than there are nights, for a new
observation. The variance is never taken for less than chance alone makes: Poisson's for counts, the
binomial's for shares. So a volume that varies by 40% from night to night needs a far larger change
than one that hardly varies, and three nights can tell nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
# From so many nights on, nights predict one. With fewer, only fixed rules speak.
LEAST_NIGHTS = 7
# A document's tokens are taken to vary as much as their mean, at least.
TOKENS_CV2 = 1.0


@dataclass(frozen=True)
class Prediction:
    """Tonight's figure on one scale, as the nights before predict it."""

    mean: float
    """The mean of the nights before."""
    error: float
    """The standard error of the prediction of one more night."""
    nights: int
    """How many nights there were."""

    @classmethod
    def of(cls, values: Array, least: float, least_tonight: float | None = None) -> "Prediction":
        """Predict from the nights before.

        Args:
            values: a night each, at least two.
            least: the variance that chance alone makes, of the nights before.
            least_tonight: and of tonight, where it is another.
        """
        nights = len(values)
        variance = max(float(values.var(ddof=1)), least)
        tonight = max(variance, least if least_tonight is None else least_tonight)
        return cls(float(values.mean()), float(np.sqrt(variance / nights + tonight)), nights)

    def p(self, value: float) -> float:
        """How often a night like those before is as far from their mean, on either side."""
        return float(2 * stats.t.sf(abs(value - self.mean) / self.error, self.nights - 1))

    def limits(self, p: float) -> tuple[float, float]:
        """The values beyond which a night like those before lies with this probability."""
        away = float(stats.t.isf(p / 2, self.nights - 1)) * self.error
        return self.mean - away, self.mean + away


@dataclass(frozen=True)
class Scale:
    """A prediction on one scale, and the ways there and back."""

    there: Callable[[float], float]
    back: Callable[[float], float]
    predicted: Prediction


@dataclass(frozen=True)
class Usual:
    """A figure as the nights before predict it; on several scales, the most careful one counts."""

    expected: float
    scales: Sequence[Scale]

    def p(self, value: float) -> float:
        """How often a night like those before is as far off, by the most careful scale."""
        return max(one.predicted.p(one.there(value)) for one in self.scales)

    def limits(self, p: float) -> tuple[float, float]:
        """The figures beyond which `p` is smaller than this."""
        found = [tuple(one.back(limit) for limit in one.predicted.limits(p)) for one in self.scales]
        return min(low for low, _ in found), max(high for _, high in found)


def usual_count(counts: Sequence[int]) -> Usual:
    """A count of documents: the larger p of the logarithm and of the square root."""
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
    """Tokens of a night.

    Args:
        amounts: of the nights before.
        documents: that have them, of these nights.
        tonight: documents of tonight.
    """
    values = np.asarray(amounts, float)
    least = (1 + TOKENS_CV2) / max(1.0, float(np.mean(documents)))
    return _on_logs(values, least, max(least, (1 + TOKENS_CV2) / max(1, tonight)))


def usual_mean(means: Sequence[float], documents: Sequence[int], tonight: int) -> Usual:
    """Tokens of a document; the arguments are those of `usual_amount`."""
    least = TOKENS_CV2 / max(1.0, float(np.mean(documents)))
    return _on_logs(np.asarray(means, float), least, TOKENS_CV2 / max(1, tonight))


def usual_share(parts: Sequence[int], wholes: Sequence[int], tonight: int) -> Usual:
    """The share of documents that have something, on the logit scale.

    Args:
        parts: documents that have it, of the nights before.
        wholes: documents of these nights.
        tonight: documents of tonight.
    """
    part, whole = np.asarray(parts, float), np.asarray(wholes, float)
    likely = float((part.sum() + 0.5) / (whole.sum() + 1))  # what has never been may come

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
    """How often no document comes, by the counts of nights: of a negative binomial with their mean
    and variance, or of a Poisson where they vary no more; never less often than it has happened.
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
    """The variance of log(X + 1/2) of a Poisson's X."""
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
