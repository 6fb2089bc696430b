"""Keys order as rewards do, and noise is the noise it says it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.counts.order import best_first, gumbel, hash_rows, least_at, reward_of

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(FLOATS, FLOATS)
def test_the_better_reward_has_the_smaller_key(one, other):
    first, second = best_first(np.array([one, other], np.float32)).tolist()
    assert (first < second) == (one > other) and (first == second) == (one == other)
    assert reward_of(first) == one and 0 <= first < 1 << 32


@given(st.floats(-1e30, 1e30))
def test_the_least_reward_that_is_not_below(threshold):
    least = np.float32(least_at(threshold))
    assert float(least) >= threshold
    assert float(np.nextafter(least, np.float32(-np.inf))) < threshold


def test_hashes_are_salted_apart():
    """Every row its own, the same in any company; another salt another hash."""
    rows = np.arange(1000)
    assert len(set(hash_rows("s", "f", rows).tolist())) == 1000
    one, other = (hash_rows(salt, "f", rows).astype(np.float64) for salt in ("s", "t"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert hash_rows("s", "f", rows[5:6])[0] == hash_rows("s", "f", rows)[5]


def test_gumbel_top_k_draws_in_proportion():
    """Of two rewards one temperature apart the better comes first in e / (e + 1) of the draws."""
    hashes = hash_rows("s", "f", np.arange(40_000))
    better = gumbel(np.full(20_000, 3, np.float32), 2.0, hashes[:20_000])
    worse = gumbel(np.full(20_000, 1, np.float32), 2.0, hashes[20_000:])
    share = float((better > worse).mean())
    assert abs(share - np.e / (np.e + 1)) < 0.01
