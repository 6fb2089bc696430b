"""Mean and variance from exact sums: whole numbers, so that no order of adding shows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rm_ray.counts.order import Floats, Ints

# Rewards are counted in units of 2^-24: a float32 of 1 or more is exact, a smaller one to 3e-8.
SCALE = 1 << 24
# So many at once, and none larger than this, are summed in 64 bits.
_ROWS, _LARGEST = 1 << 20, float(1 << 18)
_HALF = 21


@dataclass(frozen=True)
class Moments:
    """Of some documents: their rewards' sum in 2^-24, and the sum of squares in 2^-48."""

    documents: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.documents + other.documents,
            self.total + other.total,
            self.squares + other.squares,
        )

    @property
    def mean(self) -> float:
        """Of at least one document."""
        return self.total / (self.documents * SCALE)

    @property
    def variance(self) -> float:
        """Of the documents themselves, as of a whole population."""
        n = self.documents
        return (n * self.squares - self.total**2) / (n * n * SCALE * SCALE)

    @property
    def sd(self) -> float:
        """The square root of the variance."""
        return float(np.sqrt(self.variance))


def moments_of(groups: Ints, rewards: Floats, count: int) -> list[Moments]:
    """Of each of so many groups, by number."""
    found = [Moments()] * count
    for start in range(0, len(groups), _ROWS):
        span = slice(start, start + _ROWS)
        for group, moments in _sums(groups[span], rewards[span]):
            found[group] += moments
    return found


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
    """In whole numbers of any length, one by one."""
    found: dict[int, Moments] = {}
    for group, reward in zip(groups.tolist(), rewards.tolist(), strict=True):
        numerator, denominator = reward.as_integer_ratio()
        unit = round(numerator * SCALE / denominator) if denominator > 1 else numerator * SCALE
        found[group] = found.get(group, Moments()) + Moments(1, unit, unit * unit)
    return list(found.items())
