"""What nights predict of one: intervals known by hand or by SciPy, and how often they are wrong."""

import math

import numpy as np
import pytest
from scipy import stats

from rm_ray.report.compare.usual import (
    Prediction,
    log_variance,
    none_came,
    usual_amount,
    usual_count,
    usual_mean,
    usual_share,
)


def test_a_prediction_is_students_interval_for_one_more_observation():
    values = np.array([1.0, 2.0, 4.0, 3.0, 5.0])
    found = Prediction.of(values, least=0)
    error = values.std(ddof=1) * math.sqrt(1 + 1 / 5)
    assert found.p(7.0) == pytest.approx(2 * stats.t.sf((7 - 3) / error, 4))
    low, high = found.limits(0.05)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 4, 3, error))
    assert found.p(low) == found.p(high) == pytest.approx(0.05)


def test_nights_that_are_all_alike_vary_as_chance_does():
    found = Prediction.of(np.full(9, 2.0), least=0.25)
    assert found.error == pytest.approx(0.5 * math.sqrt(1 + 1 / 9))
    tonight = Prediction.of(np.full(9, 2.0), least=0.25, least_tonight=1.0)
    assert tonight.error == pytest.approx(math.sqrt(0.25 / 9 + 1.0))


def test_the_variance_of_a_logarithm_is_what_draws_have():
    draws = np.random.default_rng(0)
    for rate in (0.05, 1.0, 8.0, 150.0, 400.0):
        logs = np.log(draws.poisson(rate, 400_000) + 0.5)
        assert log_variance(rate) == pytest.approx(logs.var(), rel=0.03, abs=1e-3)


def test_limits_are_where_p_is_what_was_asked():
    for usual in (
        usual_count([90, 110, 100, 95, 105, 120, 80]),
        usual_amount([9e4, 1.1e5, 1e5, 9.5e4, 1.2e5, 8e4, 1e5], [100] * 7, 100),
        usual_mean([900.0, 1100.0, 1000.0, 1200.0, 950.0, 1000.0, 990.0], [100] * 7, 100),
        usual_share([90, 95, 85, 92, 88, 91, 90], [100] * 7, 100),
    ):
        low, high = usual.limits(0.01)
        assert low < usual.expected < high
        assert min(usual.p(low), usual.p(high)) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(
    ("mean", "sd", "nights"),
    [(5, 0.0, 7), (5, 0.4, 10), (100, 0.4, 7), (1000, 0.0, 28), (1000, 0.8, 10)],
)
def test_quiet_nights_are_rarely_told(mean, sd, nights):
    """3,000 nights, Poisson around a lognormal rate, at p 1%: at most that and three errors."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(mean * np.exp(sd * rng.standard_normal((3000, nights + 1))))
    told = [usual_count(row[:-1].tolist()).p(int(row[-1])) < 0.01 for row in counts]
    assert np.mean(told) <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / 3000)


def test_a_lack_that_matters_is_told_from_seven_steady_nights():
    steady = usual_count([1000, 1010, 990, 1005, 995, 1000, 1002])
    assert steady.p(400) < 1e-4
    varied = usual_count([1000, 600, 1500, 900, 1300, 700, 1100])
    assert varied.p(400) > 0.01  # such nights have been seen
    share = usual_share([1000] * 8, [1000] * 8, 1000)
    assert share.p(0.4) < 1e-6
    assert share.p(0.999) > 0.001  # one in 1,000, and none in 8,000 before


def test_how_often_no_document_comes():
    assert none_came([8] * 10) == pytest.approx(math.exp(-8))
    assert none_came([0, 8, 16, 8]) == 0.25  # it has happened
    counts = [1, 20, 3, 40, 2, 9]
    mean, variance = np.mean(counts), np.var(counts, ddof=1)
    size = mean**2 / (variance - mean)
    assert none_came(counts) == pytest.approx(stats.nbinom.pmf(0, size, size / (size + mean)))
    assert none_came([0, 0]) == 1.0
