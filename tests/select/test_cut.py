"""Bands that hold the cut, and bands that are widened until they do."""

import math

from hypothesis import given
from hypothesis import strategies as st

from rm_ray.judges.preference.stopping import Band
from rm_ray.select.cut import MOST_WIDER, widened

BAND = Band(1.0, 2.0)


def test_a_band_that_holds_the_cut_stays():
    assert widened({"a": BAND}, {"a": 1.0}, 1) is None
    assert widened({"a": BAND}, {"a": 2.0}, 1) is None
    assert widened({"a": BAND}, {}, 1) is None  # the group keeps everything
    assert widened({}, {"a": 5.0}, 1) is None  # the group is judged whole


def test_a_band_reaches_beyond_the_cut_by_its_own_width():
    assert widened({"a": BAND, "b": BAND}, {"a": 2.5, "b": 1.5}, 1) == {
        "a": Band(1.0, 3.5),
        "b": BAND,
    }
    assert widened({"a": BAND}, {"a": 0.5}, 1) == {"a": Band(-0.5, 2.0)}
    assert widened({"a": BAND}, {"a": math.inf}, 1) == {"a": Band(1.0, 3.0)}
    assert widened({"a": BAND}, {"a": -math.inf}, 1) == {"a": Band(0.0, 2.0)}


@given(st.floats(-100, 100), st.floats(0, 10), st.floats(allow_nan=False))
def test_widening_ends(lower, width, cut):
    bands, number = {"a": Band(lower, lower + width)}, 0
    while (wider := widened(bands, {"a": cut}, number + 1)) is not None:
        assert wider["a"].lower <= bands["a"].lower and wider["a"].upper >= bands["a"].upper
        bands, number = wider, number + 1
        assert number <= MOST_WIDER + 1
