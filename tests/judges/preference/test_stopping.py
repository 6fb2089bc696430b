"""The calibrated stop rule: looks and forecasts by hand, one document as many, JSON."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges.preference.stopping import (
    LOOKS,
    NOBODY,
    Band,
    Forecast,
    StopTable,
    Strictness,
    running_means,
)


def flat(judged):
    """A forecast whose remaining chunks are like the judged ones, with a deviation of 1."""
    return Forecast(judged, 0.0, (1.0,), 1.0, 0.0)


TABLE = StopTable((flat(1), flat(2), flat(4)), Strictness(2.0, 1.0))
BAND = Band(-1.0, 1.0)


def test_looks_grow_by_half_and_never_beyond_4096_chunks():
    assert LOOKS[:12] == (1, 2, 3, 4, 6, 9, 13, 20, 30, 45, 68, 102)
    assert all(a < b <= 4096 for a, b in pairwise(LOOKS))


def test_the_chunks_are_cut_at_the_forecasts_and_the_last_look_is_the_rest():
    assert TABLE.looks(range(3, 10)) == [[3], [4], [5, 6], [7, 8, 9]]
    assert TABLE.looks(range(4)) == [[0], [1], [2, 3]]
    assert TABLE.looks(range(1)) == [[0]] and TABLE.looks([]) == [[]]
    assert StopTable((), NOBODY).looks(range(3)) == [[0, 1, 2]]


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(LOOKS)), st.integers(0, 300))
def test_every_chunk_is_in_one_look(judged, chunks):
    table = StopTable(tuple(flat(look) for look in sorted(judged)), NOBODY)
    looks = table.looks(range(chunks))
    assert [chunk for look in looks for chunk in look] == [*range(chunks)]
    assert all(looks) or not chunks


def test_a_prediction_by_hand():
    # 2 of 8 chunks with a mean of 3; the other 6: 1 + 0.5 * 3 = 2.5, variance 4 + 12 / 6
    forecast = Forecast(2, 1.0, (0.5,), 2.0, 12.0**0.5)
    expected, deviation = forecast.predict(np.array([[3.0]]), np.array([8]))
    assert expected == pytest.approx((2 * 3 + 6 * 2.5) / 8)
    assert deviation == pytest.approx(0.75 * 6**0.5)


def test_the_deviation_fits_documents_of_any_length():
    """One chunk left: both parts whole. Very many: the part between documents alone."""
    forecast = Forecast(4, 0.0, (1.0,), 3.0, 4.0)
    _, deviation = forecast.predict(np.zeros((1, 2)), np.array([5, 4_000_000]))
    assert deviation == pytest.approx([5 / 5, 3.0], rel=1e-4)


def test_clipped_means_have_slopes_of_their_own():
    # 0 and -10: the mean is -5, clipped to [-1, 1] it is -0.5; the rest of two chunks is 4 * -0.5
    forecast = Forecast(2, 0.0, (0.0, 4.0), 0.0, 0.0)
    table = StopTable((forecast,), Strictness(0.0, 0.0), ((-1.0, 1.0),))
    expected = (2 * -5 + 2 * -2) / 4
    assert table.side([0.0, -10.0], 4, Band(expected - 0.01, 9)) == 0
    assert table.side([0.0, -10.0], 4, Band(expected + 0.01, 9)) == -1


def test_a_document_is_decided_beyond_its_sides_strictness_and_not_before():
    # one of two chunks: the deviation of the document is 0.5; 2 of it keep, 1 of it drops
    assert TABLE.side([2.001], 2, BAND) == 1 and TABLE.side([1.999], 2, BAND) == 0
    assert TABLE.side([-1.501], 2, BAND) == -1 and TABLE.side([-1.499], 2, BAND) == 0


def test_nothing_is_decided_between_looks_nor_at_the_end():
    far = [100.0] * 5
    assert [TABLE.side(far[:n], 5, BAND) for n in range(6)] == [0, 1, 1, 0, 1, 0]
    assert TABLE.side(far[:4], 4, BAND) == 0
    assert StopTable(TABLE.forecasts, NOBODY).side(far[:1], 5, BAND) == 0


def test_a_band_without_ends_decides_nobody():
    assert TABLE.side([1e9], 5, Band(-np.inf, np.inf)) == 0


numbers = st.floats(-100, 100, width=32)
forecasts = st.builds(
    lambda intercept, slopes, between, within: (intercept, tuple(slopes), between, within),
    numbers,
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.floats(0, 10),
    st.floats(0, 10),
)
strict = st.one_of(st.none(), st.floats(0, 5))


@st.composite
def tables(draw):
    judged = sorted(draw(st.sets(st.sampled_from(LOOKS[:6]), min_size=1)))
    return StopTable(
        tuple(Forecast(look, *draw(forecasts)) for look in judged),
        Strictness(draw(strict), draw(strict)),
        ((-10.0, 10.0), (-1.5, 2.5)),
    )


@given(tables(), st.lists(st.lists(numbers, min_size=1, max_size=14), min_size=1), numbers)
@settings(max_examples=40, deadline=None)
def test_one_document_is_decided_as_many_are(table, documents, cut):
    """The judge's process and the calibration must not differ."""
    offsets = np.cumsum([0, *map(len, documents)])
    rewards = np.concatenate(documents).astype(np.float64)
    looks = [forecast.judged for forecast in table.forecasts]
    each = [rewards, *(rewards.clip(*clip) for clip in table.clips)]
    means = np.stack([running_means(values, offsets, looks) for values in each])
    chunks = np.diff(offsets)
    for row, forecast in enumerate(table.forecasts):
        live = np.flatnonzero(chunks > forecast.judged)
        ends = np.full((2, len(live)), [[cut - 1], [cut]])
        many = table.sides(forecast, means[:, row, live], chunks[live], *ends)
        one = [
            table.side(documents[d][: forecast.judged], len(documents[d]), Band(cut - 1, cut))
            for d in live
        ]
        assert many.tolist() == one


def test_one_document_is_decided_as_many_are_to_the_last_bit():
    """The band ends exactly where the vectorised rule begins to decide, and one bit before."""
    rng = np.random.default_rng(0)
    # of such different sizes that the order of adding matters
    sizes = 2.0 ** rng.integers(-40, 40, (100, 14))
    documents = (rng.standard_normal((100, 14)) * sizes).astype(np.float32)
    rewards = documents.astype(np.float64).ravel()
    clips = ((-2.0, 2.0),)
    table = StopTable(
        tuple(Forecast(look, 0.1, (0.3, 0.2), 0.7, 1.3) for look in (1, 3, 6, 9, 13)),
        Strictness(1.1, None),
        clips,
    )
    looks = [forecast.judged for forecast in table.forecasts]
    each = [rewards, rewards.clip(*clips[0])]
    means = np.stack([running_means(values, np.arange(101) * 14, looks) for values in each])
    for row, forecast in enumerate(table.forecasts):
        expected, deviation = forecast.predict(means[:, row], np.full(100, 14))
        edges = expected - 1.1 * deviation
        for document, edge in zip(documents, edges, strict=True):
            judged = document[: forecast.judged].tolist()
            assert table.side(judged, 14, Band(-np.inf, edge)) == 0
            assert table.side(judged, 14, Band(-np.inf, np.nextafter(edge, -np.inf))) == 1


@settings(max_examples=40, deadline=None)
@given(tables(), st.lists(numbers, min_size=9, max_size=9), numbers, st.floats(0, 5))
def test_a_stricter_rule_decides_less_at_each_look(table, rewards, cut, more):
    """At one look: what the strict rule decides, the loose one decides alike."""
    z = table.strictness
    stricter = Strictness(
        None if z.keep is None else z.keep + more, None if z.drop is None else z.drop + more
    )
    strict_table = StopTable(table.forecasts, stricter, table.clips)
    for judged in range(1, 10):
        strict = strict_table.side(rewards[:judged], 12, Band(cut, cut))
        assert strict in (0, table.side(rewards[:judged], 12, Band(cut, cut)))


@settings(max_examples=40, deadline=None)
@given(tables())
def test_json_keeps_everything(table):
    assert StopTable.from_json(json.loads(json.dumps(table.to_json()))) == table


def test_means_are_nan_once_no_chunk_is_left():
    means = running_means(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 1, 4]), [1, 2, 3])
    assert np.array_equal(means, [[np.nan, 3.0], [np.nan, 4.0], [np.nan, np.nan]], equal_nan=True)


def test_a_rule_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="must ascend from 1"):
        StopTable((flat(2), flat(2)), NOBODY)
    with pytest.raises(ValueError, match="needs 2 slopes"):
        StopTable((flat(1),), NOBODY, ((0.0, 1.0),))
    for bad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="strictness to drop"):
            Strictness(1.0, bad)
