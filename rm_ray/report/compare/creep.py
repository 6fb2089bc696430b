"""A creep: rewards that move a little every night, so that no night differs from the night before.

A line is fitted to weekly values, each the median of the means of a week's nights, so that a single
night has little weight. The slope is a creep if two things hold: it is steeper than the scatter of
the weeks about the line explains (Student's t), and the last week is far enough from the week four
weeks before. No test can tell a creep from a source that wanders. If the nights are too much like
the nights before them, no test is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from rm_ray.report.measure.dates import date_of

Array = npt.NDArray[np.float64]
# Nights of a week.
WEEK = 7
# Weeks that a slope needs, and the most weeks that it is fitted to.
LEAST_WEEKS, MOST_WEEKS = 6, 10
# The last week is compared with the week so many weeks before.
WEEKS_BACK = 4
# The test is made once a week, with this part of the rate of false alarms.
RATE = 0.2
# The nights wander if their deviations from a line have a larger autocorrelation than this. The
# line may bend once: most creeps begin after weeks in which nothing moved.
MOST_ALIKE = 0.2


@dataclass(frozen=True)
class Creep:
    """The slow move of one group's mean."""

    weeks: int = 0
    """Weeks of nights with a mean reward, tonight's week included."""
    slope: float | None = None
    """Move of the mean in a week, in standard deviations of documents."""
    moved: float | None = None
    """Move from the week four weeks ago to the last week, in standard deviations of documents."""
    p: float = 1.0
    """How often weeks without a creep have as steep a slope."""
    remark: str | None = None
    """Why no creep was looked for; None if it was."""


def creep(nights: Sequence[tuple[str, float]], sd: float) -> Creep:
    """Look for a creep in the mean rewards of nights.

    Args:
        nights: names and mean rewards of the nights, oldest first; tonight is the last one.
        sd: standard deviation of the documents' rewards.
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


def _begins_a_week(before: str, tonight: str) -> bool:
    """Return True if a night is in another week than the night before.

    If the names are no dates, return True if the number at the end of the name is a multiple of 7.
    """
    last, day = date_of(before), date_of(tonight)
    if last is not None and day is not None:
        return last.isocalendar()[:2] != day.isocalendar()[:2]
    digits = tonight[len(tonight.rstrip("0123456789")) :]
    return bool(digits) and int(digits) % WEEK == 0


def _slope(weekly: Array) -> tuple[float, float]:
    """Return the slope of a line through the weeks, and how often chance makes one as steep."""
    x = np.arange(len(weekly)) - (len(weekly) - 1) / 2
    slope = float(weekly @ x / (x @ x))
    rest = weekly - weekly.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (len(weekly) - 2) / (x @ x)))
    if error == 0:
        return slope, 0.0 if slope else 1.0
    return slope, float(2 * stats.t.sf(abs(slope) / error, len(weekly) - 2))


def _alike(values: Array) -> float:
    """Return the autocorrelation of the nights' deviations from a model, from night to night.

    The model has a line that bends once, at the night that fits best, and a mean for each day of
    the week.
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
    """Return the residuals of a linear model of the values, by least squares."""
    residuals: Array = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return residuals
