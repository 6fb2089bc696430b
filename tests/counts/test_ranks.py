"""Ranks from counts are midranks."""

import numpy as np

from rm_ray.counts.cells import Cells
from rm_ray.counts.cuts import Places, Search
from rm_ray.counts.order import best_first
from rm_ray.counts.ranks import BEST, Ranks, crowded


def ranks_of(rewards, splits=3):
    keys = best_first(np.array(rewards, np.float32))
    none = np.zeros(len(keys), np.int64)
    places = Places(none, keys, none.astype(np.uint64), none, none, none)
    parts = [places.take(part) for part in np.array_split(np.arange(len(keys)), splits)]
    coarse = Cells.merge([Search().count(part) for part in parts])
    fine = Cells.merge([crowded(coarse).count(part) for part in parts])
    return Ranks(coarse, fine).of(keys).tolist()


def test_by_hand():
    """Of 4, the two equal ones share the ranks 2 and 3; the best is 7/8 of the way up."""
    assert ranks_of([1, 2, 2, 5]) == [BEST * 1 // 8, BEST // 2, BEST // 2, BEST * 7 // 8]


def test_rewards_that_differ_in_the_last_bits_have_ranks_of_their_own():
    """A softmax near 1 has its rewards in a few cells of the upper bits."""
    rng = np.random.default_rng(0)
    rewards = (1 - rng.random(3000) / 1000).astype(np.float32)
    exact = [int((2 * (rewards < r).sum() + (rewards == r).sum()) * BEST // 6000) for r in rewards]
    assert ranks_of(rewards) == exact


def test_ranks_of_many_are_right_to_a_cell():
    rng = np.random.default_rng(1)
    rewards = rng.normal(size=200_000).astype(np.float32)
    order = np.argsort(np.argsort(rewards))
    exact = (2 * order + 1) * BEST // 400_000
    assert np.abs(np.array(ranks_of(rewards)) - exact).max() <= 3
