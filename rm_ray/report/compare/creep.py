"""A creep: rewards that move a little every night, so that no night differs from the last ones.

The median of each week's nightly means is put on a line, so that one night says little. A slope is
a creep if it is steeper than the weeks scatter about their line (Student's t), and if the last week
is far enough from the one four weeks before. No test tells a creep from a source that wanders:
where nights follow one another too closely, none is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
# Nights of a week, and weeks that are needed and looked at.
WEEK = 7
LEAST_WEEKS, MOST_WEEKS = 6, 10
# The last week is compared with the one so many weeks before.
WEEKS_BACK = 4
# It is looked for once a week, with this part of the rate of false alarms.
RATE = 0.2
# Nights whose deviations from a line are more alike than this, one to the next, wander. The line
# may bend once: most creeps begin after weeks in which nothing moved.
MOST_ALIKE = 0.2


@dataclass(frozen=True)
class Creep:
    """What was found of one group."""

    weeks: int = 0
    """Weeks of nights with a mean reward, tonight's among them."""
    slope: float | None = None
    """By how much the mean moves in a week, in standard deviations of documents."""
    moved: float | None = None
    """From the week four weeks back to the last one, in standard deviations of documents."""
    p: float = 1.0
    """How often weeks without a creep have as steep a slope."""
    remark: str | None = None
    """Why it was not looked for; None where it was."""


def creep(nights: Sequence[tuple[str, float]], sd: float) -> Creep:
    """Look for a creep in the mean rewards of nights.

    Args:
        nights: their names and mean rewards, oldest first; tonight is the last one.
        sd: standard deviation of the documents.
    """
    weeks = min(len(nights) // WEEK, MOST_WEEKS)
    if weeks < LEAST_WEEKS:
        needed = LEAST_WEEKS * WEEK
        return Creep(
            weeks, remark=f"creep is looked for from {needed} nights on; {len(nights)} are there"
        )
    if sd <= 0:
        return Creep(weeks, remark="the rewards do not vary")
    values = np.array([mean for _, mean in nights[-weeks * WEEK :]]) / sd
    weekly = np.median(values.reshape(weeks, WEEK), axis=1)
    slope, p = _slope(weekly)
    moved = float(weekly[-1] - weekly[-1 - WEEKS_BACK])
    remark = None
    if not _begins_a_week(nights[-2][0], nights[-1][0]):
        remark = "creep is looked for once a week, on the first night from Monday on"
    elif (alike := _alike(values)) > MOST_ALIKE:
        remark = (
            f"the source wanders (nights are alike by {alike:.2f}), and no test tells that from a "
            "creep"
        )
    return Creep(weeks=weeks, slope=slope, moved=moved, p=1.0 if remark else p, remark=remark)


def date_of(night: str) -> date | None:
    """The date that the name of a night begins with, such as 2026-11-24 or 20261124."""
    for length in (10, 8):
        try:
            return date.fromisoformat(night[:length])
        except ValueError:
            continue
    return None


def _begins_a_week(before: str, tonight: str) -> bool:
    """Whether a night is in another week than the one before; of names without dates, whether its
    number is a multiple of 7.
    """
    last, day = date_of(before), date_of(tonight)
    if last is not None and day is not None:
        return last.isocalendar()[:2] != day.isocalendar()[:2]
    digits = tonight[len(tonight.rstrip("0123456789")) :]
    return bool(digits) and int(digits) % WEEK == 0


def _slope(weekly: Array) -> tuple[float, float]:
    """The slope of a line through the weeks, and how often chance makes one as steep."""
    x = np.arange(len(weekly)) - (len(weekly) - 1) / 2
    slope = float(weekly @ x / (x @ x))
    rest = weekly - weekly.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (len(weekly) - 2) / (x @ x)))
    if error == 0:
        return slope, 0.0 if slope else 1.0
    return slope, float(2 * stats.t.sf(abs(slope) / error, len(weekly) - 2))


def _alike(values: Array) -> float:
    """How alike deviations are, one night to the next: their autocorrelation, without a line that
    bends once, where it fits best, and what each day of the week has in common.
    """
    nights = np.arange(len(values))
    days = [nights % WEEK == day for day in range(WEEK)]
    fits = (
        _rest(values, np.column_stack([nights, np.maximum(0, nights - bend), *days]))
        for bend in range(WEEK, len(values) - WEEK)
    )
    rest = min(fits, key=lambda rest: float(rest @ rest))
    whole = float(rest @ rest)
    return float(rest[1:] @ rest[:-1]) / whole if whole > 0 else 0.0


def _rest(values: Array, design: Array) -> Array:
    """What a linear model leaves of the values, by least squares."""
    found: Array = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return found
