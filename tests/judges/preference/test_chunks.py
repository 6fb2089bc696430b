"""Which chunks are judged, by hand; what holds for any choice; when a document is decided."""

import math
import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.judges.preference.chunks import ChunkRule, StopRule, in_order, standard_error
from rm_ray.judges.preference.keys import PreferenceConfig


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


@given(st.sampled_from(["front", "spread", "blocks"]), st.integers(0, 200), st.integers(0, 9))
def test_every_order_holds_every_chunk_once(order, n, seed):
    assert sorted(in_order(range(3, n + 3), order, seed)) == list(range(3, n + 3))


@given(st.sampled_from(["front", "spread", "blocks"]), st.integers(0, 200), st.integers(2, 20))
def test_looks_hold_every_chunk_once_each_ascending(order, n, least):
    rule = StopRule(threshold=0.0, confidence=0.99, order=order, least=least)
    looks = rule.looks(range(n), 0)
    assert sorted(chunk for look in looks for chunk in look) == list(range(n))
    assert all(look == sorted(look) for look in looks)
    assert all(len(look) > 0 for look in looks[1:])


def test_orders_by_hand():
    assert in_order(range(3), "front", 0) == [0, 1, 2]
    assert in_order(range(8), "spread", 0) == [0, 4, 2, 6, 1, 5, 3, 7]
    blocks = in_order(range(40), "blocks", 0)
    first, rest = blocks[:20], blocks[20:]
    assert first == sorted(first) and rest != sorted(rest)
    assert [sum(c // 16 == block for c in first) for block in range(3)] == [8, 8, 4]


RULE = StopRule(threshold=0.0, confidence=0.99, order="front", least=8)


def test_looks_grow_by_half():
    assert [len(look) for look in RULE.looks(range(40), 0)] == [8, 4, 6, 9, 13]
    assert RULE.looks(range(8), 0) == [list(range(8))]
    assert RULE.looks(range(0), 0) == [[]]


def test_the_standard_error_by_hand():
    # deviations -1, 0, 1: s = 1; of 3 of 12 chunks
    assert standard_error([1.0, 2.0, 3.0], 12) == pytest.approx(math.sqrt(1 / 3 * (1 - 3 / 12)))
    assert standard_error([1.0, 2.0, 3.0], 3) == 0.0
    assert standard_error([1.0], 5) is None and standard_error([], 0) is None


def test_a_document_is_decided_beyond_the_t_interval_and_not_before():
    # 8 of 20 chunks, looks at 8, 12 and 18: each has 0.5%, for which tables of t(7) say 3.4995
    rule = StopRule(threshold=0.0, confidence=0.985, order="front", least=8)
    deviations = [-1.0, 1.0] * 4
    error = standard_error(deviations, 20)
    far = 3.4995 * error
    assert rule.decides([far * 1.001 + d for d in deviations], 20)
    assert rule.decides([-far * 1.001 + d for d in deviations], 20)
    assert not rule.decides([far * 0.999 + d for d in deviations], 20)


def test_the_decisions_of_noise_are_wrong_less_often_than_was_asked():
    """Documents drawn at random just above the threshold: looking often must not cost more."""
    rng = random.Random(0)
    rule = StopRule(threshold=0.0, confidence=0.9, order="front", least=4)
    wrong = 0
    for _ in range(2000):
        rewards = [rng.gauss(0, 1) for _ in range(60)]
        mean = sum(rewards) / 60
        rewards = [reward - mean + 1e-6 for reward in rewards]
        judged = []
        for look in rule.looks(range(60), 0):
            judged += [rewards[chunk] for chunk in look]
            if rule.decides(judged, 60):
                wrong += sum(judged) < 0
                break
    assert 0 < wrong / 2000 <= 0.1


def test_one_of_the_two_ways_to_spend_less():
    with pytest.raises(ValueError, match="give only one of the two"):
        PreferenceConfig(model="m", chunks="first:3", adaptive={"threshold": 0.0})
    for bad in ("first", "first:0", "some", "every:-1", "all:3"):
        with pytest.raises(ValueError, match="chunks"):
            PreferenceConfig(model="m", chunks=bad)


def test_all_is_all_whatever_the_seed():
    judge = SimpleNamespace(chunks="all", chunks_seed=5, adaptive=SimpleNamespace(threshold=None))
    assert ChunkRule.of(judge).is_all
