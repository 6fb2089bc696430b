"""What is drawn for each pair."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges.preference.windows import WindowRule
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import draws, hashed, places, split_of, whole_chunks

RULE = WindowRule(chunk=64, context=256, hop=64)


def test_the_hash_is_the_same_everywhere():
    assert hashed("pair", 0, "a.parquet", 7, 1) == 2317393711254597872
    assert hashed("ab", "c") != hashed("a", "bc")


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 2**63 - 1))
def test_places_are_one_in_each_of_as_many_equal_stretches(chunks, count, seed):
    found = places(range(chunks), count, seed)
    count = min(count, chunks)
    assert len(found) == count and found == places(range(chunks), count, seed)
    for i, place in enumerate(found):
        assert chunks * i // count <= place < chunks * (i + 1) // count


@given(
    st.integers(0, 3000), st.integers(0, 10_000), st.integers(0, 5),
    st.integers(0, 3), st.one_of(st.none(), st.integers(3, 9)),
)  # fmt: skip
@settings(max_examples=60)
def test_what_is_drawn_is_of_whole_chunks_and_of_the_document_alone(n, row, seed, first, last):
    config = PairsConfig(seed=seed, per_document=5, first_chunk=first, last_chunk=last)
    found = draws(config, RULE, "file", row, n)
    chunks = [draw.chunk for draw in found]
    allowed = whole_chunks(n, RULE, config)
    assert len(found) == min(5, len(allowed)) and len(set(chunks)) == len(chunks)
    assert all((chunk + 1) * 64 <= n for chunk in chunks)
    assert all(first <= chunk <= (n if last is None else last) for chunk in chunks)
    assert all(draw.context == "clean" for draw in found if draw.chunk == 0)
    assert [draw.seed for draw in found] == [
        hashed("pair", seed, "file", row, number) for number in range(len(found))
    ]
    assert found == draws(config, RULE, "file", row, n)


@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.3, 1.0])
def test_a_document_is_in_one_split_and_as_many_are_for_validation_as_asked(fraction):
    config = PairsConfig(validation_fraction=fraction)
    splits = [split_of(config, "file", row) for row in range(4000)]
    assert splits == [split_of(config, "file", row) for row in range(4000)]
    assert np.mean([split == "validation" for split in splits]) == pytest.approx(fraction, abs=0.02)


def test_a_document_keeps_its_split_when_pairs_are_made_again_with_another_seed():
    configs = [PairsConfig(seed=seed, validation_fraction=0.3) for seed in range(3)]
    made = [[split_of(config, "file", row) for row in range(99)] for config in configs]
    assert made[0] == made[1] == made[2]
    other = PairsConfig(split_seed=1, validation_fraction=0.3)
    assert made[0] != [split_of(other, "file", row) for row in range(99)]


def test_kinds_extents_and_contexts_are_drawn_as_often_as_asked():
    kinds = {"shuffled": 3, "noised": 1, "boilerplate": 0}
    config = PairsConfig(kinds=kinds, part_fraction=0.2, broken_fraction=0.6, per_document=4)
    found = [draw for row in range(1500) for draw in draws(config, RULE, "f", row, 64 * 40)]
    of = [Counter(getattr(draw, name) for draw in found) for name in ("kind", "extent", "context")]
    assert set(of[0]) == {"shuffled", "noised"}
    assert of[0]["shuffled"] / len(found) == pytest.approx(0.75, abs=0.03)
    assert of[1]["part"] / len(found) == pytest.approx(0.2, abs=0.03)
    later = [draw for draw in found if draw.chunk]
    assert of[2]["broken"] / len(later) == pytest.approx(0.6, abs=0.03)
    # spread over the document: each quarter has a quarter of them
    quarters = Counter(draw.chunk // 10 for draw in found)
    assert set(quarters.values()) == {1500}
