"""Sketches of documents: exact up to their bound, and right on average beyond it."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.report.compare.repeats import find
from rm_ray.report.measure.seen import ALL, Seen, hashes_of

A, B = '["a"]', '["b"]'


def seen(keys, groups=None, most=1 << 17) -> Seen:
    hashes, has = hashes_of([pa.array(keys)])
    codes = np.array(groups if groups is not None else [0] * len(keys), np.int64)
    return Seen.of([A, B], codes[has], hashes[has], most)


def earlier(*nights: Seen):
    return [(night.keys, night.below) for night in nights]


def test_documents_that_came_before_are_counted():
    """By hand. Key 1 came, with two documents of a and one of b; 4 comes twice tonight, 5 in both
    groups, and a document without a key is never the same as another.
    """
    tonight = seen(["1", "1", "1", "2", "4", "4", "5", "5", None, None],
                   [0, 0, 1, 0, 0, 0, 0, 1, 0, 1])  # fmt: skip
    found = find(tonight, earlier(seen(["1", "3"]), seen(["1", "9"])))
    assert (found.nights, found.sampled) == (2, 1.0)
    a, b, whole = (found.by_label[label] for label in (A, B, None))
    assert (a.earlier, a.within, a.error) == (2, 1, 0)
    assert (b.earlier, b.within) == (1, 0)
    assert (whole.earlier, whole.within, whole.documents) == (3, 2, 5)


def test_nothing_came_before_the_first_night():
    found = find(seen(["1", "2"]), [])
    assert found.by_label[None].documents == 0 and found.nights == 0
    assert find(Seen(), earlier(seen(["1"]))).by_label == {None: find(Seen(), []).by_label[None]}


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1), st.integers(0, 3)), max_size=60),
    st.integers(1, 40),
)
def test_a_sketch_does_not_depend_on_how_it_was_made(rows, most):
    """Of all documents at once, or of parts in any order."""
    keys, groups = [str(key) for key, _, _ in rows], [group for _, group, _ in rows]
    whole = seen(keys, groups, most)
    parts = [
        seen([k for k, p in zip(keys, rows, strict=True) if p[2] == part],
             [p[1] for p in rows if p[2] == part], most)
        for part in (2, 0, 3, 1)
    ]  # fmt: skip
    merged = Seen.merge(parts, most)
    for name in ("hashes", "codes", "counts"):
        assert getattr(merged, name).tolist() == getattr(whole, name).tolist()
    assert merged.below == whole.below
    assert len(whole.keys) <= most and (whole.below == ALL) == (len(set(keys)) <= most)


@pytest.mark.parametrize("known", [4000, 500])
def test_beyond_the_bound_counts_are_right_on_average(known):
    """Of 3,000 documents 1,200 came before and 300 come twice; at most 500 keys are kept, or of the
    earlier night 4,000. The estimates of 60 such nights spread as their stated error says.
    """
    away = []
    for night in range(60):
        old = [f"{night} old {i}" for i in range(4000)]
        fresh = [f"{night} new {i}" for i in range(1500)]
        tonight = seen([*old[:1200], *fresh, *fresh[:300]], most=500)
        whole = find(tonight, earlier(seen(old, most=known))).by_label[None]
        away.append((whole.documents - 1500) / whole.error)
    assert abs(np.mean(away)) < 4 / 60**0.5
    assert 0.7 < np.std(away) < 1.4


def test_a_hash_is_of_all_columns_and_of_any_type():
    hashes, has = hashes_of([pa.array([1, 1, 12, None]), pa.array([23, 2, 3, 1])])
    assert len(set(hashes.tolist())) == 4 and has.tolist() == [True, True, True, False]
    texts, _ = hashes_of([pa.array(["1", "1", "12", "x"]), pa.array([23, 2, 3, 1])])
    assert texts.tolist()[:3] == hashes.tolist()[:3]
    chats = pa.array([[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]])
    assert len(set(hashes_of([chats])[0].tolist())) == 2
