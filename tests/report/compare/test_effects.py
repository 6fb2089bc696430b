"""Effects against SciPy and by hand; what chance alone does, against simulated nights."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rm_ray.report.compare.effects import FAR, bounds, effects, noise
from tests.counts.histograms import FLOATS, histogram

SAMPLES = st.lists(FLOATS.map(lambda x: round(x, 2)), min_size=2, max_size=40)


@given(SAMPLES, SAMPLES)
def test_the_distance_is_scipys(tonight, baseline):
    found = effects(histogram(tonight), histogram(baseline))
    ends = bounds(histogram(tonight), histogram(baseline))  # by hand below
    one, other = (np.clip(np.asarray(x, np.float32), *ends) for x in (tonight, baseline))
    sd = other.astype(float).std()
    if sd <= 1e-3 * np.abs([*tonight, *baseline]).max():
        return  # narrower than its cells
    scale = max(np.abs(one).max(), np.abs(other).max()) / 2048 / sd
    expected = stats.wasserstein_distance(one, other) / sd
    near = {"rel": 0.01, "abs": 2 * scale * (1 + expected)}  # a cell is 1/4096 of its values
    assert found.wasserstein == pytest.approx(expected, **near)
    assert found.mean == pytest.approx(abs(one.mean() - other.mean()) / sd, **near)


def test_the_usual_range_by_hand():
    """The middle half of 1, 2, 3, 4 is from 1 to 3 by its least values; of rewards that hardly vary
    more than half is taken; and tonight's own middle is always in the range.
    """
    four = histogram([1.0, 2.0, 3.0, 4.0])
    wide = bounds(four, four)
    assert wide == pytest.approx((1 - FAR * 2, 3 + FAR * 2), rel=1e-3)
    mostly = histogram([0.0] * 80 + [1.0] * 20)
    assert bounds(mostly) == pytest.approx((-FAR, 1 + FAR), rel=1e-3, abs=1e-3)
    assert bounds(four, histogram([100.0] * 9)) == pytest.approx((-15, 100), rel=1e-3)
    assert bounds(histogram([7.0] * 5)) == (-np.inf, np.inf)


def test_the_population_stability_index_by_hand():
    """Ten documents in ten classes, and all of tonight's in the first."""
    found = effects(histogram([1.0] * 10), histogram(range(1, 11)))
    mine, theirs = np.array([10.5] + [0.5] * 9) / 15, np.array([1.5] * 10) / 15
    assert found.psi == pytest.approx(((mine - theirs) * np.log(mine / theirs)).sum())
    assert found.spread == 0


def test_equal_nights_have_no_effect_and_p_1():
    one = histogram([0.5, 1.5, 2.5] * 20)
    found = effects(one, one)
    assert (found.wasserstein, found.psi, found.mean, found.spread) == (0, 0, 0, 1)
    chance = noise(one, one, 200, seed=0)
    assert chance.p("wasserstein", 0) > 0.9
    assert chance.p("spread", 1) > 0.3


def test_a_baseline_without_spread_is_measured_by_both():
    found = effects(histogram([1.0, 2.0, 3.0]), histogram([2.0, 2.0, 2.0]))
    assert all(math.isfinite(value) for value in vars(found).values())
    same = effects(histogram([2.0] * 5), histogram([2.0] * 9))
    assert (same.wasserstein, same.spread) == (0, 1)


def test_the_same_seed_draws_the_same_and_another_not():
    rng = np.random.default_rng(0)
    one, other = histogram(rng.normal(size=50)), histogram(rng.normal(size=350))
    first, again, third = (noise(one, other, 300, seed) for seed in (1, 1, 2))
    assert (first.wasserstein == again.wasserstein).all()
    assert (first.wasserstein != third.wasserstein).any()


@pytest.mark.slow
@pytest.mark.parametrize(("tonight", "baseline"), [(50, 50), (50, 350), (500, 500)])
def test_as_many_quiet_nights_are_above_the_floor_as_it_says(tonight, baseline):
    """5% of them, of heavy-tailed rewards; three standard errors of 300 nights are 3.8%."""
    rng = np.random.default_rng(tonight + baseline)
    above = dict.fromkeys(("wasserstein", "psi", "mean", "spread"), 0)
    for seed in range(300):
        one, other = (histogram(rng.standard_t(3, n)) for n in (tonight, baseline))
        found, chance = effects(one, other), noise(one, other, 300, seed)
        for kind in above:
            beyond = np.sign(getattr(found, kind) - chance.point(kind, 0.05))
            above[kind] += beyond == (-1 if kind == "spread" else 1)
    assert all(0.012 <= count / 300 <= 0.088 for count in above.values()), above


def test_tails_fall_on():
    """What no draw has reached is less likely the farther away it is, and never impossible."""
    rng = np.random.default_rng(0)
    chance = noise(histogram(rng.normal(size=200)), histogram(rng.normal(size=1400)), 2000, 0)
    most = float(chance.wasserstein[-1])
    found = [chance.p("wasserstein", most * times) for times in (1, 1.5, 2, 3)]
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < 1e-6 < found[0] < 2e-3
    for p in (0.2, 0.01, 1e-4, 1e-7):
        assert chance.p("wasserstein", chance.point("wasserstein", p)) == pytest.approx(p, rel=0.1)
