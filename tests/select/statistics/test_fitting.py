"""The forecasts and the cheap judge's relation, against corpora whose parameters are known."""

import numpy as np
import pytest

from rm_ray.judges.preference.stopping import NOBODY, Band, Strictness
from rm_ray.select.statistics.fitting import LEAST_FITTED, fit_cheap, fit_table, normal_scores
from rm_ray.select.statistics.sampled import Sampled
from tests.select.simulated import sample_of


def mixed(rng, documents, longest):
    """Documents of 2 to `longest` chunks: means of variance 1, chunks of variance 4."""
    counts = rng.integers(2, longest + 1, documents)
    means = np.repeat(rng.standard_normal(documents), counts)
    rewards = means + 2 * rng.standard_normal(len(means))
    return Sampled(rewards, np.cumsum([0, *counts]))


@pytest.mark.parametrize("same_length", [True, False])
def test_the_parts_of_the_variance_are_found(same_length):
    """After k chunks a document's mean has the variance 4 / (4 + k); a chunk has 4."""
    rng = np.random.default_rng(1)
    if same_length:
        rewards = rng.standard_normal((20_000, 1)) + 2 * rng.standard_normal((20_000, 24))
        table = fit_table(sample_of(rewards))
    else:
        table = fit_table(mixed(rng, 40_000, 40))
    for forecast in table.forecasts[:5]:
        assert forecast.between_deviation**2 == pytest.approx(4 / (4 + forecast.judged), rel=0.1)
        assert forecast.within_deviation == pytest.approx(2, rel=0.1)
        assert sum(forecast.slopes) == pytest.approx(
            forecast.judged / (4 + forecast.judged), rel=0.15
        )


def test_a_look_that_few_documents_reach_has_no_forecast():
    rng = np.random.default_rng(2)
    counts = np.array([3] * (LEAST_FITTED + 20) + [5] * (LEAST_FITTED - 1))
    sampled = Sampled(rng.standard_normal(counts.sum()), np.cumsum([0, *counts]))
    assert [forecast.judged for forecast in fit_table(sampled).forecasts] == [1, 2]
    assert [f.judged for f in fit_table(mixed(rng, LEAST_FITTED - 1, 9)).forecasts] == []


def test_a_table_decides_nobody_until_it_gets_a_strictness():
    table = fit_table(mixed(np.random.default_rng(3), 200, 9))
    assert table.strictness == NOBODY and table.side([1e9], 9, Band(0, 0)) == 0


def test_constant_chunks_have_no_deviation():
    table = fit_table(sample_of(np.full((50, 6), 2.0)))
    for forecast in table.forecasts:
        expected, deviation = forecast.predict(np.full((3, 1), 2.0), np.array([6]))
        assert expected == pytest.approx(2) and deviation == pytest.approx(0, abs=1e-9)


def test_normal_scores_are_even_and_ties_share_one():
    assert normal_scores(np.array([5.0, 9.0, 7.0])) == pytest.approx(
        [-0.9674, 0.9674, 0.0], abs=1e-4
    )
    assert normal_scores(np.array([1.0, 1.0])).tolist() == [0.0, 0.0]


def related(rng, correlation, documents=4000):
    rewards = rng.standard_normal(documents)
    noise = rng.standard_normal(documents)
    return correlation * rewards + np.sqrt(1 - correlation**2) * noise, rewards


def test_the_relation_of_a_cheap_judge_is_found():
    found = fit_cheap(*related(np.random.default_rng(4), 0.9))
    assert found.slope == pytest.approx(0.9, abs=0.02)
    assert found.deviation == pytest.approx((1 - 0.81) ** 0.5, abs=0.02)
    assert found.thresholds(Band(0, 0)) == (-np.inf, np.inf)


def test_a_cheap_judge_that_says_nothing_is_not_trusted():
    rng = np.random.default_rng(5)
    cheap, rewards = related(rng, 0.9, 400)
    assert fit_cheap(cheap, rewards) is not None
    assert fit_cheap(-cheap, rewards) is None  # reversed
    assert fit_cheap(np.zeros(400), rewards) is None
    assert fit_cheap(np.full(400, np.nan), rewards) is None
    assert fit_cheap(cheap, np.zeros(400)) is None
    assert fit_cheap(rng.standard_normal(400), rewards) is None
    assert fit_cheap(cheap[: LEAST_FITTED - 1], rewards[: LEAST_FITTED - 1]) is None


def test_a_document_without_a_cheap_reward_is_left_out_and_in_doubt():
    cheap, rewards = related(np.random.default_rng(6), 0.9, 400)
    with_gaps = np.concatenate([cheap, [np.nan, np.inf]])
    found = fit_cheap(with_gaps, np.concatenate([rewards, [0.0, 0.0]]))
    assert found == fit_cheap(cheap, rewards)
    table = type(found)(**{**vars(found), "strictness": Strictness(0.0, 0.0)})
    assert table.side(np.array([np.nan]), Band(0, 0)).tolist() == [0]
