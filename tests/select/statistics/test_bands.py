"""Where the cut lies, by hand and by drawing samples."""

import math

import numpy as np

from rm_ray.select.statistics.bands import bands_of, cut_band


def test_a_band_by_hand():
    # 4 documents, half kept, X binomial: P(X < 1) = 1/16 <= 0.1 < P(X < 2); so ranks 1 and 4
    assert cut_band(np.array([3.0, 1.0, 2.0, 4.0]), 0.5, 0.1) == cut_band(
        np.array([1.0, 2.0, 3.0, 4.0]), 0.5, 0.1
    )
    band = cut_band(np.array([1.0, 2.0, 3.0, 4.0]), 0.5, 0.1)
    assert (band.lower, band.upper) == (1.0, 4.0)


def test_a_sample_that_is_too_small_has_no_ends():
    band = cut_band(np.array([1.0, 2.0]), 0.5, 0.01)
    assert (band.lower, band.upper) == (-math.inf, math.inf)
    empty = cut_band(np.empty(0), 0.5, 0.05)
    assert (empty.lower, empty.upper) == (-math.inf, math.inf)


def test_each_group_has_its_own_band():
    rewards = np.concatenate([np.arange(1000.0), np.arange(1000.0) + 5000])
    groups = np.repeat([0, 1], 1000)
    first, second = bands_of(rewards, groups, (0.5, 0.1), 0.05)
    assert first.lower < 500 < first.upper < 550
    assert 5850 < second.lower < 5900 < second.upper < 5950


def test_the_cut_of_the_corpus_is_outside_as_rarely_as_was_asked():
    rng = np.random.default_rng(0)
    rewards = rng.standard_normal(20_000)
    cut = np.sort(rewards)[-2000]
    above = below = 0
    for _ in range(300):
        band = cut_band(rewards[rng.integers(0, 20_000, 500)], 0.1, 0.05)
        above += cut > band.upper
        below += cut < band.lower
    # 15 are expected at most on each side; 27 would be three standard deviations more
    assert 0 < above <= 27 and 0 < below <= 27
