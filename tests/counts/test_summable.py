"""Counts add up, and what a footer keeps follows from the rows alone."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rm_ray.counts.summable import shares, total
from rm_ray.score.counts import ScoreCounts as Counts


def test_sums_name_by_name():
    one = Counts(documents=3, statuses={"ok": 2, "empty": 1}, tokens=10, judge_seconds=1.5)
    other = Counts(documents=1, statuses={"ok": 1}, tokens=4, parts=1)
    both = Counts(
        documents=4, statuses={"empty": 1, "ok": 3}, tokens=14, parts=1, judge_seconds=1.5
    )
    assert total([one, other], Counts) == one + other == both


def test_a_footer_holds_no_times():
    counts = Counts(documents=1, statuses={"ok": 1}, parts=1, read_tokens=5, judge_seconds=0.1)
    stored = json.loads(counts.to_json())
    assert "parts" not in stored and not any("seconds" in name for name in stored)
    assert Counts.from_json(counts.to_json()) == Counts(documents=1, statuses={"ok": 1})


def test_scaled_counts_are_whole():
    scaled = Counts(tokens=3, judge_seconds=3.0).scaled(0.5)
    assert (scaled.tokens, scaled.judge_seconds) == (2, 1.5)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=20))
def test_shares_add_up_to_the_whole_and_follow_the_weights(whole, weights):
    found = shares(whole, weights)
    assert sum(found) == whole and len(found) == len(weights)
    if sum(weights):
        exact = [whole * weight / sum(weights) for weight in weights]
        assert all(abs(a - b) <= 1 for a, b in zip(found, exact, strict=True))
