"""Figures by hand, beside slow computations, and how often their intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from rm_ray.evaluate.statistics import (
    SEEN,
    Auc,
    Mean,
    auc,
    between_share,
    estimate,
    rank_correlation,
    resampled,
    seed_of,
    smallest_difference,
)


def slow_auc(rewards, good, weights):
    """Every good text beside every bad one."""
    right = total = 0.0
    for a, is_good, w in zip(rewards, good, weights, strict=True):
        for b, is_bad, v in zip(rewards, ~good, weights, strict=True):
            if is_good and is_bad:
                total += w * v
                right += w * v * ((a > b) + (a == b) / 2)
    return right / total


@pytest.mark.parametrize("seed", range(5))
def test_the_auc_is_that_of_every_good_text_beside_every_bad_one(seed):
    rng = np.random.default_rng(seed)
    rewards = rng.integers(0, 8, 60).astype(float)  # many are equal
    good = rng.random(60) < 0.4
    weights = rng.integers(0, 4, (3, 60)).astype(float)
    found = Auc(rewards, good).of(weights)
    assert found == pytest.approx([slow_auc(rewards, good, one) for one in weights])
    assert auc(rewards, good) == pytest.approx(slow_auc(rewards, good, np.ones(60)))


def test_an_auc_by_hand():
    # 3 is above both, 1 above one of two and equal to the other
    assert auc(np.array([3.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False])) == 3.5 / 4
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_resamples_draw_documents_and_not_texts():
    """The texts of a document are drawn together: with one document there is nothing to vary."""
    values = np.array([1.0, 0.0, 1.0, 1.0])
    every = np.ones(4, bool)
    alone = resampled([Mean(values, every)], np.zeros(4, int), [0], 300)
    assert set(alone[:, 0].tolist()) == {0.75}
    two = resampled([Mean(values, every)], np.array([7, 7, 9, 9]), [0], 300)
    assert two[0, 0] == 0.75 and set(two[1:, 0].tolist()) == {0.5, 0.75, 1.0}


def test_the_same_seed_gives_the_same_interval_and_groups_have_their_own():
    rng = np.random.default_rng(0)
    figure = [Mean(rng.random(200), np.ones(200, bool))]
    documents = np.repeat(np.arange(50), 4)
    first, again, other = (
        resampled(figure, documents, seed_of(seed, name), 200)
        for seed, name in ((0, "a"), (0, "a"), (0, "b"))
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Documents with a difficulty of their own: windows of one are alike. 40 documents of 6."""
    rng = np.random.default_rng(1)
    held = naive = 0
    for sample in range(200):
        of_document = rng.beta(4, 1, 40)  # its mean is 0.8
        right = (rng.random((40, 6)) < of_document[:, None]).ravel().astype(float)
        figures = [Mean(right, np.ones(240, bool))]
        drawn = resampled(figures, np.repeat(np.arange(40), 6), [sample], 200)[:, 0]
        found = estimate(drawn, 40)
        held += found.low <= 0.8 <= found.high
        drawn = resampled(figures, np.arange(240), [sample], 200)[:, 0]
        found = estimate(drawn, 240)
        naive += found.low <= 0.8 <= found.high
    assert held / 200 >= 0.9 and naive < held


def test_where_all_documents_are_right_the_bound_is_clopper_and_pearsons():
    drawn = resampled([Mean(np.ones(20), np.ones(20, bool))], np.arange(20), [0], 200)[:, 0]
    found = estimate(drawn, 20)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.8316, abs=1e-4)  # of 20 of 20, two-sided 95%
    assert estimate(1 - drawn, 20).high == pytest.approx(1 - 0.8316, abs=1e-4)
    assert estimate(np.array([np.nan, 0.5]), 20) is None


def test_the_smallest_difference_is_that_of_two_independent_shares():
    """Fleiss's formula for two proportions of n, by their common standard error."""
    n, share = 400, 0.8
    error = np.sqrt(share * (1 - share) / n)
    assert smallest_difference(error) == pytest.approx(
        (1.95996 + 0.84162) * error * np.sqrt(2), 1e-4
    )
    assert pytest.approx(1.95996 + 0.84162, abs=1e-4) == SEEN


def test_two_judges_side_by_side():
    rng = np.random.default_rng(2)
    one = rng.normal(size=300).round(1)
    other = (one + rng.normal(size=300)).round(1)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(rank_correlation(one, np.zeros(300)))


def test_the_share_between_sources_is_what_sources_explain():
    names = np.array(["a", "b"] * 50, object)
    assert between_share(np.where(names == "a", 1.0, 0.0), names) == pytest.approx(1.0)
    rewards = np.random.default_rng(3).normal(size=100)
    # F - 1 over F - 1 + n - k over k - 1, as Kelley has it
    groups = [rewards[names == name] for name in ("a", "b")]
    inside = sum(((one - one.mean()) ** 2).sum() for one in groups) / 98
    assert between_share(rewards, names) == pytest.approx(max(0, 1 - inside / rewards.var(ddof=1)))
    many = np.array([f"{i // 2}" for i in range(100)], object)
    assert between_share(rewards, many) < 0.25  # fifty sources of two texts explain half by chance
