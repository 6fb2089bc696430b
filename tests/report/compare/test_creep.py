"""A creep by weekly means: what is told, what is not looked for."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from rm_ray.report.compare.creep import creep

RNG = np.random.default_rng(5)


def nights(count, step=0.0, noise=0.02, alike=0.0):
    """Mean rewards of nights, in sd of documents."""
    noises = RNG.normal(0, noise, count)
    for at in range(1, count):
        noises[at] = alike * noises[at - 1] + np.sqrt(1 - alike**2) * noises[at]
    return named((step * np.arange(count) + noises).tolist())


def named(means, last="2026-11-23"):
    """Nights of these means, one a day; the last one is a Monday, if nothing else is said."""
    end = date.fromisoformat(last)
    days = [end - timedelta(days) for days in range(len(means))][::-1]
    return list(zip(map(str, days), means, strict=True))


def test_a_slow_creep_is_told_on_a_monday():
    means = nights(49, step=0.05)
    found = creep(means, sd=1.0)
    assert found.remark is None and found.p < 1e-6 and found.weeks == 7
    assert found.slope == pytest.approx(0.35, abs=0.02)
    assert found.moved == pytest.approx(1.4, abs=0.05)
    tuesday = creep(named([mean for _, mean in means], "2026-11-24"), sd=1.0)
    assert tuesday.remark.startswith("creep is looked for once a week") and tuesday.p == 1.0
    without_monday = [*means[:-1], ("2026-11-25", means[-1][1])]
    assert creep(without_monday, sd=1.0).remark is None


def test_the_slope_is_scipys_over_weekly_medians():
    means = nights(70, step=0.001)
    weekly = np.median(np.reshape([mean for _, mean in means], (10, 7)), axis=1)
    expected = stats.linregress(np.arange(10), weekly)
    found = creep(means, sd=2.0)
    assert found.slope == pytest.approx(expected.slope / 2)
    assert found.p == pytest.approx(expected.pvalue)


def test_what_is_not_looked_for_is_said():
    assert "from 42 nights on; 41 are there" in creep(nights(41), 1.0).remark
    assert creep(named([1.0] * 42), 0.0).remark == "the rewards do not vary"
    wandering = np.cumsum(RNG.normal(0, 0.05, 70)).tolist()
    assert "the source wanders" in creep(named(wandering), 1.0).remark


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_a_creep_that_begins_after_quiet_weeks_is_told_six_weeks_later(noise):
    """A line through all nights has it for wandering until the quiet weeks are out of sight."""
    told = 0
    for _ in range(40):
        moves = -0.05 * np.maximum(0, np.arange(70) - 27) + RNG.normal(0, noise, 70)
        found = creep(named(moves.tolist()), 1.0)
        told += found.remark is None and found.p < 2e-4 and found.moved < -1
    assert told > 36


def test_wandering_sources_are_hardly_ever_told():
    """At p 1%, where a line alone would tell one in four."""
    found = [creep(named(np.cumsum(RNG.normal(0, 0.05, 56))), 1.0) for _ in range(300)]
    assert sum(one.p < 0.01 for one in found) <= 4
    assert sum("wanders" in (one.remark or "") for one in found) > 280


def test_one_night_hides_no_creep():
    means = nights(70, step=0.02)
    means[40] = (means[40][0], 131.0)  # one reward of 65,504 among 500
    found = creep(means, 1.0)
    assert found.remark is None and found.p < 1e-6
    assert found.slope == pytest.approx(0.14, abs=0.01)


def test_days_of_the_week_are_no_wandering():
    weekend = [(name, mean - 0.35 * (at % 7 > 4)) for at, (name, mean) in enumerate(nights(70))]
    assert creep(weekend, 1.0).remark is None


def test_quiet_weeks_are_rarely_told():
    """600 sources, alike by 0.2 from night to night, at p 1%."""
    found = [creep(nights(49, alike=0.2), 1.0) for _ in range(600)]
    told = np.mean([one.p < 0.01 for one in found])
    assert told <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 600)


@pytest.mark.parametrize(("last", "looked"), [("n-0042", True), ("n-0043", False), ("n", False)])
def test_names_without_dates_have_a_week_of_seven_numbers(last, looked):
    means = [(f"n{number}", mean) for number, (_, mean) in enumerate(nights(41, step=0.05))]
    assert (creep([*means, (last, 2.0)], 1.0).remark is None) == looked
