"""Mean and variance from exact sums: whole numbers, so the order of adding does not matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rm_ray.counts.order import Floats, Ints

# Rewards are counted in units of 2^-24: a float32 of 1 or more is exact, a smaller one to 3e-8.
SCALE = 1 << 24
# Most rewards, and the largest reward, that are summed at once in 64 bits.
_ROWS, _LARGEST = 1 << 20, float(1 << 18)
# Bits of the lower half of a reward's units; squares are summed half by half.
_HALF = 21


@dataclass(frozen=True)
class Moments:
    """Holds exact sums over the rewards of some documents."""

    documents: int = 0
    """How many documents there are."""
    total: int = 0
    """The sum of the rewards, in units of 2^-24."""
    squares: int = 0
    """The sum of the squared rewards, in units of 2^-48."""

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.documents + other.documents,
            self.total + other.total,
            self.squares + other.squares,
        )

    @property
    def mean(self) -> float:
        """Return the mean reward. There must be at least one document."""
        return self.total / (self.documents * SCALE)

    @property
    def variance(self) -> float:
        """Return the variance of the documents as a whole population (divided by n, not n - 1)."""
        n = self.documents
        return (n * self.squares - self.total**2) / (n * n * SCALE * SCALE)

    @property
    def sd(self) -> float:
        """Return the standard deviation, the square root of the variance."""
        return float(np.sqrt(self.variance))


def moments_of(groups: Ints, rewards: Floats, count: int) -> list[Moments]:
    """Return the moments of each group, by number. `count`: how many groups there are."""
    totals = [Moments()] * count
    for start in range(0, len(groups), _ROWS):
        span = slice(start, start + _ROWS)
        for group, moments in _sums(groups[span], rewards[span]):
            totals[group] += moments
    return totals


def _sums(groups: Ints, rewards: Floats) -> list[tuple[int, Moments]]:
    order = np.argsort(groups, kind="stable")
    groups, numbers = groups[order], rewards[order].astype(np.float64)
    if np.abs(numbers).max(initial=0) > _LARGEST:
        return _long_sums(groups, numbers)
    units = np.rint(numbers * SCALE).astype(np.int64)
    high, low = units >> _HALF, units & ((1 << _HALF) - 1)
    firsts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    sums = _by_group((np.ones_like(units), units, high * high, high * low, low * low), firsts)
    return [
        (group, Moments(n, total, (hh << 2 * _HALF) + (hl << (_HALF + 1)) + ll))
        for group, n, total, hh, hl, ll in zip(groups[firsts].tolist(), *sums, strict=True)
    ]


def _by_group(columns: Sequence[Ints], firsts: Ints) -> list[list[int]]:
    return [np.add.reduceat(column, firsts).tolist() for column in columns]


def _long_sums(groups: Ints, rewards: npt.NDArray[np.float64]) -> list[tuple[int, Moments]]:
    """Sum rewards one by one, in whole numbers of any length."""
    totals: dict[int, Moments] = {}
    for group, reward in zip(groups.tolist(), rewards.tolist(), strict=True):
        numerator, denominator = reward.as_integer_ratio()
        unit = round(numerator * SCALE / denominator) if denominator > 1 else numerator * SCALE
        totals[group] = totals.get(group, Moments()) + Moments(1, unit, unit * unit)
    return list(totals.items())
