"""Histograms of twenty bits, exact moments, and samples that merge."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.counts.cells import ByGroup
from rm_ray.counts.histograms import Histograms
from rm_ray.counts.moments import SCALE, Moments, moments_of
from rm_ray.counts.samples import bottom, merge_bottom
from tests.counts.histograms import FLOATS, histogram

ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_quantiles_and_thresholds_by_hand():
    found = histogram([1.0, 2.0, 3.0, 4.0], [10, 20, 30, 40])
    assert found.size == 4
    # the middle of a cell lies 1/4096 beyond the power of two that begins it
    assert found.values == pytest.approx([4, 3, 2, 1], rel=1 / 4096)
    assert found.quantiles([0.25, 0.5, 0.51, 1]) == pytest.approx([1, 2, 3, 4], rel=1 / 4096)
    assert found.least_kept(np.array([0, 3])).tolist() == [4.0, 1.0]
    assert found.below([0, 1.5, 3.5, 9]).tolist() == [0, 1, 3, 4]


@given(st.lists(ANY, min_size=1, max_size=50))
def test_a_threshold_keeps_exactly_what_it_says(rewards):
    found = histogram(rewards)
    kept = np.cumsum(found.documents)
    for at, threshold in enumerate(found.least_kept(np.arange(len(found.cells)))):
        assert (np.asarray(rewards, np.float32) >= threshold).sum() == kept[at]


@given(st.lists(st.tuples(st.integers(0, 3), FLOATS), max_size=60), st.integers(0, 60))
def test_parts_of_a_histogram_add_up(documents, cut):
    def counted(some):
        groups = np.array([group for group, _ in some], np.int64)
        rewards = np.array([reward for _, reward in some], np.float32)
        return ByGroup(list("abcd"), Histograms.of(groups, rewards, np.ones_like(groups))).used()

    both = ByGroup.merge([counted(documents[:cut]), counted(documents[cut:])])
    whole = ByGroup.merge([counted(documents)])
    assert both.groups == whole.groups
    for one, other in zip(vars(both.cells).values(), vars(whole.cells).values(), strict=True):
        assert one.tolist() == other.tolist()


@given(st.lists(st.tuples(st.integers(0, 2), ANY), min_size=1, max_size=40), st.integers(0, 40))
def test_moments_are_those_of_fractions_whatever_the_order(documents, cut):
    def summed(some):
        groups = np.array([group for group, _ in some], np.int64)
        return moments_of(groups, np.array([reward for _, reward in some], np.float32), 3)

    parts = [a + b for a, b in zip(summed(documents[cut:]), summed(documents[:cut]), strict=True)]
    assert parts == summed(documents)
    for group, found in enumerate(parts):
        rewards = [Fraction(reward) for g, reward in documents if g == group]
        assert found.documents == len(rewards)
        units = [round(reward * SCALE) for reward in rewards]
        assert found.total == sum(units)
        assert found.squares == sum(unit * unit for unit in units)


def test_mean_and_sd():
    (found,) = moments_of(np.zeros(4, np.int64), np.array([1, 2, 3, 6], np.float32), 1)
    assert (found.mean, found.sd) == (3, pytest.approx(3.5**0.5))
    assert Moments(2, 2 * SCALE, 2 * SCALE * SCALE).variance == 0


@given(st.lists(st.integers(0, 1000), unique=True), st.integers(1, 20), st.integers(0, 50))
def test_a_sample_of_parts_is_that_of_the_whole(hashes, size, cut):
    def table(some):
        columns = {"hash": pa.array(some, pa.uint64()), "x": pa.array(some, pa.int64())}
        return bottom(pa.table(columns), size)

    merged = merge_bottom([table(hashes[:cut]), table(hashes[cut:])], size)
    assert merged.column("x").to_pylist() == sorted(hashes)[:size]
