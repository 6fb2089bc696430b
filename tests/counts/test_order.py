"""Keys order as rewards do, and noise is the noise it says it is."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.counts.order import (
    best_first,
    gumbel,
    hash_rows,
    keys_of,
    least_at,
    number_at,
    reward_of,
)

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(FLOATS, FLOATS)
def test_the_better_reward_has_the_smaller_key(one, other):
    first, second = best_first(np.array([one, other], np.float32)).tolist()
    assert (first < second) == (one > other) and (first == second) == (one == other)
    assert reward_of(first) == one and 0 <= first < 1 << 32


NUMBERS = {
    "float32": FLOATS,
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
}
KINDS = st.sampled_from(sorted(NUMBERS))


@given(KINDS.flatmap(lambda kind: st.tuples(st.just(kind), NUMBERS[kind], NUMBERS[kind])))
def test_numbers_of_every_kind_are_ordered_by_all_their_bits(drawn):
    kind, one, other = drawn
    keys, finer = keys_of(np.array([one, other], kind))
    places = list(zip(keys.tolist(), finer.tolist() if finer is not None else [0, 0], strict=True))
    assert (places[0] < places[1]) == (one > other) and (places[0] == places[1]) == (one == other)
    assert number_at(kind, *places[0]) == one
    assert all(0 <= half < 1 << 32 for half in places[0])


def test_a_threshold_is_compared_as_the_column_has_it():
    """0.7 in float32 is less than 0.7; DuckDB and NumPy take the two for equal."""
    assert least_at("float32", 0.7) == float(np.float32(0.7)) < 0.7
    assert least_at("float64", 0.7) == 0.7
    assert [least_at("int64", x) for x in (5, 4.5, -4.5, 1e300)] == [5, 5, -4, 2**63]
    assert [least_at("int64", x) for x in (2**53 + 1, 10**300)] == [2**53 + 1, 2**63]
    assert least_at("float32", 10**39) == math.inf
    assert [least_at("uint64", x) for x in (-1, 0.5, 1e300)] == [0, 1, 2**64]


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
