"""Ranks from counts are midranks."""

import numpy as np

from rm_ray.counts.cells import Cells
from rm_ray.counts.order import best_first
from rm_ray.counts.ranks import BEST, SHIFTS, Ranks, count_keys, crowded


def ranks_of(rewards, splits=3):
    keys = best_first(np.array(rewards, np.float32))
    levels, opened = [], []
    for _ in SHIFTS:
        parts = [count_keys(part, opened) for part in np.array_split(keys, splits)]
        levels.append(Cells.merge(parts))
        opened.append(crowded(levels[-1], len(keys)))
    ranks = Ranks.of(levels)
    return ranks.of_keys(keys).tolist(), len(ranks.bounds)


def test_by_hand():
    """Of 4, the two equal ones share the ranks 2 and 3; the best is 7/8 of the way up."""
    assert ranks_of([1, 2, 2, 5])[0] == [BEST * 1 // 8, BEST // 2, BEST // 2, BEST * 7 // 8]


def test_rewards_that_differ_in_the_last_bits_have_ranks_of_their_own():
    """A softmax near 1 has its rewards in a few cells of the upper bits."""
    rng = np.random.default_rng(0)
    rewards = (1 - rng.random(3000) / 1000).astype(np.float32)
    exact = [int((2 * (rewards < r).sum() + (rewards == r).sum()) * BEST // 6000) for r in rewards]
    assert ranks_of(rewards)[0] == exact


def test_ranks_of_many_are_right_to_a_cell_and_do_not_grow():
    rng = np.random.default_rng(1)
    rewards = np.concatenate([rng.normal(size=400_000), np.zeros(100_000)]).astype(np.float32)
    lower = np.searchsorted(np.sort(rewards), rewards)
    upper = np.searchsorted(np.sort(rewards), rewards, side="right")
    found, cells = ranks_of(rewards)
    assert np.abs(np.array(found) - (lower + upper) * BEST // 1_000_000).max() <= 2
    assert cells <= 1 << 17


def test_no_reward_at_all():
    assert ranks_of([]) == ([], 0)
