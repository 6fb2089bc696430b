"""The cheap judge's thresholds: by hand, on any scale, and as JSON."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges.preference.stopping import Band, Strictness
from rm_ray.select.statistics.cheap import CheapForecast
from rm_ray.select.statistics.fitting import fit_cheap

# cheap rewards 10 to 50 with the scores -2 to 2; rewards are their own scores
BY_HAND = CheapForecast(
    cheap=(10.0, 20.0, 30.0, 40.0, 50.0),
    cheap_scores=(-2.0, -1.0, 0.0, 1.0, 2.0),
    rewards=(-3.0, 3.0),
    scores=(-3.0, 3.0),
    slope=1.0,
    deviation=0.5,
    strictness=Strictness(1.0, 2.0),
)


def test_thresholds_by_hand():
    # dropped below a score of -0.2 - 2 * 0.5 = -1.2: the lowest one above it is -1, of 20
    # kept above 0.6 + 0.5 = 1.1: the highest one below it is 1, of 40
    assert BY_HAND.thresholds(Band(-0.2, 0.6)) == (20.0, 40.0)
    sides = BY_HAND.side(np.array([19.9, 20.0, 30.0, 40.0, 40.1, np.nan]), Band(-0.2, 0.6))
    assert sides.tolist() == [-1, 0, 0, 0, 1, 0]


def test_nothing_is_decided_beyond_the_cheap_rewards_of_the_fit():
    assert BY_HAND.thresholds(Band(-1.5, 1.9)) == (-np.inf, np.inf)
    assert BY_HAND.thresholds(Band(-np.inf, np.inf)) == (-np.inf, np.inf)
    assert BY_HAND.thresholds(Band(-9.0, 9.0)) == (-np.inf, np.inf)


def test_each_side_can_be_left_out():
    for keep, drop in ((None, 2.0), (1.0, None)):
        lower, upper = replace(BY_HAND, strictness=Strictness(keep, drop)).thresholds(
            Band(-0.2, 0.6)
        )
        assert (lower, upper) == (20.0 if drop else -np.inf, 40.0 if keep else np.inf)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(0, 3))
def test_the_scale_of_the_cheap_reward_does_not_matter(seed, z):
    rng = np.random.default_rng(seed)
    rewards = rng.standard_normal(200)
    cheap = rewards + 0.5 * rng.standard_normal(200)
    band, strictness = Band(0.8, 1.2), Strictness(z, z)
    one = replace(fit_cheap(cheap, rewards), strictness=strictness)
    other = replace(fit_cheap(np.exp(3 * cheap), rewards), strictness=strictness)
    sides = one.side(cheap, band)
    assert sides.tolist() == other.side(np.exp(3 * cheap), band).tolist()
    stricter = replace(one, strictness=Strictness(z + 0.5, z + 0.5)).side(cheap, band)
    assert ((stricter == sides) | (stricter == 0)).all()


def test_json_keeps_everything():
    assert CheapForecast.from_json(json.loads(json.dumps(BY_HAND.to_json()))) == BY_HAND
