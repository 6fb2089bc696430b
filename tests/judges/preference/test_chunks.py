"""Which chunks are judged, by hand; what holds for any choice; when a document is decided."""

import math
from types import SimpleNamespace

import pytest

from rm_ray.judges.preference.chunks import ChunkRule, EarlyStop, standard_error
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.stopping import Band, Forecast, StopTable, Strictness

# The mean of the rest is expected to be 0, within 0.1.
FORECASTS = (Forecast(1, 0.0, (0.0,), 0.1, 0.0), Forecast(3, 0.0, (0.0,), 0.1, 0.0))


def looks(chunks, n, document=b"x", **more):
    rule = ChunkRule.of(PreferenceConfig(model="m", chunks=chunks, **more))
    return rule.looks(range(n), document)


def test_fixed_choices_by_hand():
    assert looks("all", 4) == [[0, 1, 2, 3]]
    assert looks("first:3", 10) == [[0, 1, 2]]
    assert looks("first:3", 2) == [[0, 1]]
    assert looks("every:4", 10) == [[0, 4, 8]]
    assert looks("spread:2", 10) == [[2, 7]]
    assert looks("spread:1", 3) == [[1]]
    assert looks("spread:9", 3) == [[0, 1, 2]]
    assert looks("random:3", 0) == looks("spread:3", 0) == looks("every:3", 0) == [[]]


def test_chunks_keep_their_numbers_where_the_first_is_not_judged():
    rule = ChunkRule("spread", 2)
    assert rule.looks(range(1, 11), b"") == [[3, 8]]


def test_a_random_choice_is_the_seeds_and_the_documents():
    one = looks("random:5", 100)
    assert one == looks("random:5", 100) and len(set(one[0])) == 5 and one[0] == sorted(one[0])
    assert one != looks("random:5", 100, document=b"y") != looks("random:5", 100, chunks_seed=1)


def test_looks_hold_every_chunk_once_from_the_front():
    rule = ChunkRule(stop=EarlyStop(StopTable(FORECASTS, Strictness(2.0, 2.0)), Band(0, 1)))
    assert rule.looks(range(5), b"") == [[0], [1, 2], [3, 4]]
    assert rule.looks(range(1, 4), b"") == [[1], [2, 3]]
    assert rule.looks(range(0), b"") == [[]]


def test_a_document_that_was_begun_is_judged_from_there_to_its_end():
    assert ChunkRule(first=3).looks(range(6), b"") == [[3, 4, 5]]
    assert ChunkRule(first=1).looks(range(1, 4), b"") == [[1, 2, 3]]
    assert ChunkRule(first=9).looks(range(6), b"") == [[]]
    assert not ChunkRule(first=1).is_all and ChunkRule().is_all


def test_the_standard_error_by_hand():
    # deviations -1, 0, 1: s = 1; of 3 of 12 chunks
    assert standard_error([1.0, 2.0, 3.0], 12) == pytest.approx(math.sqrt(1 / 3 * (1 - 3 / 12)))
    assert standard_error([1.0, 2.0, 3.0], 3) == 0.0
    assert standard_error([1.0], 5) is None and standard_error([], 0) is None


def test_a_document_is_decided_once_its_side_is_clear_and_not_before():
    stop = EarlyStop(StopTable(FORECASTS, Strictness(2.0, 2.0)), Band(0.0, 0.5))
    # after one of two chunks 2/2 + 0/2 = 1 is expected, 2 * 0.1 / 2 beyond the band
    assert stop.decides([2.0], 2) and not stop.decides([1.1], 2)
    assert stop.decides([-0.3], 2) and not stop.decides([-0.1], 2)
    assert not stop.decides([9.0, 9.0], 2)  # nothing is left to judge


def test_one_of_the_two_ways_to_spend_less():
    with pytest.raises(ValueError, match="give only one of the two"):
        PreferenceConfig(model="m", chunks="first:3", adaptive={"rule": "rule.json"})
    for bad in ("first", "first:0", "some", "every:-1", "all:3"):
        with pytest.raises(ValueError, match="chunks"):
            PreferenceConfig(model="m", chunks=bad)


def test_all_is_all_whatever_the_seed():
    judge = SimpleNamespace(chunks="all", chunks_seed=5)
    assert ChunkRule.of(judge).is_all
