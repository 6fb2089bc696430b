"""Windows by hand, and what holds for any document."""

from hypothesis import given
from hypothesis import strategies as st

from rm_ray.judges.preference.windows import Window, WindowRule, judgeable, windows
from rm_ray.judges.preference.windows import exact_minimum as minimum_of

RULE = WindowRule(chunk=64, context=8192, hop=2048)


def count_windows(n_tokens, rule):
    return len(judgeable(n_tokens, rule))


def exact_minimum(n_tokens, rule, marker_tokens, chunks=None):
    return minimum_of(windows(n_tokens, rule, chunks), marker_tokens)


@st.composite
def rules(draw):
    chunk = draw(st.integers(1, 8))
    context = draw(st.integers(0, 12))
    hop = draw(st.integers(0, context))
    return WindowRule(chunk, context * chunk, hop * chunk, draw(st.booleans()), draw(st.booleans()))


def test_three_chunks_by_hand():
    assert list(windows(3 * 64 + 10, RULE)) == [
        Window(0, 0, 64),
        Window(0, 64, 128),
        Window(0, 128, 192),
    ]


def test_tail_is_judged_only_when_asked():
    rule = WindowRule(chunk=4, context=8, hop=4, judge_partial=True)
    assert list(windows(6, rule)) == [Window(0, 0, 4), Window(0, 4, 6)]
    assert list(windows(3, rule)) == [Window(0, 0, 3)]
    assert list(windows(3, WindowRule(chunk=4, context=8, hop=4))) == []


def test_first_chunk_can_be_left_out():
    rule = WindowRule(chunk=4, context=8, hop=4, judge_first=False)
    assert list(windows(8, rule)) == [Window(0, 4, 8)]
    assert count_windows(4, rule) == 0


def test_hops_by_hand():
    rule = WindowRule(chunk=2, context=4, hop=2)
    # contexts grow 0, 2, 4, then drop to 2 and grow again
    assert [(w.start, w.middle) for w in windows(14, rule)] == [
        (0, 0), (0, 2), (0, 4), (4, 6), (4, 8), (8, 10), (8, 12),
    ]  # fmt: skip


def test_exact_minimum_is_the_formula_of_the_design_within_the_context():
    for n in (1, 2, 3, 100, 129):  # 129 chunks: the last has exactly 8192 tokens of context
        assert exact_minimum(64 * n + 5, RULE, 23) == n * (128 + 23) - 64
    assert exact_minimum(63, RULE, 23) == 0


def test_exact_minimum_after_a_hop_pays_for_the_kept_context():
    rule = WindowRule(chunk=2, context=4, hop=2)
    # 4 windows, m = 3: 0+2+3, 2+2+3, 2+2+3, then the hop: 2 (kept) + 2 + 3
    assert exact_minimum(8, rule, 3) == 5 + 7 + 7 + 7
    no_context = WindowRule(chunk=2, context=0, hop=0)
    assert exact_minimum(8, no_context, 3) == 4 * 5


@given(rules(), st.integers(0, 200))
def test_every_chunk_is_judged_once_in_order_after_its_own_context(rule, n_tokens):
    found = list(windows(n_tokens, rule))
    assert len(found) == count_windows(n_tokens, rule)
    for window in found:
        assert 0 <= window.start <= window.middle < window.stop <= n_tokens
        assert window.middle - window.start <= rule.context
        assert window.middle % rule.chunk == 0 and window.start % rule.chunk == 0
        assert window.stop - window.middle == rule.chunk or (
            rule.judge_partial and window.stop == n_tokens
        )
    middles = [window.middle for window in found]
    first = 0 if rule.judge_first else rule.chunk
    assert middles == [first + i * rule.chunk for i in range(len(found))]


@given(rules(), st.integers(0, 200))
def test_the_context_drops_to_the_hop_whenever_the_next_chunk_would_not_fit(rule, n_tokens):
    start = 0
    for window in windows(n_tokens, rule):
        if window.middle - start > rule.context:
            start = window.middle - rule.hop
        assert window.start == start


def test_unjudged_chunks_cost_their_context_once():
    for chunks in ([9], [0, 9], [0, 3, 9], range(10)):
        judged = 64 * 9 + len(chunks) * (64 + 23)  # the text before the last one, and the regions
        assert exact_minimum(640, RULE, 23, chunks) == judged
    assert exact_minimum(640, RULE, 23, []) == 0


def test_after_a_hop_text_that_is_out_of_sight_costs_nothing():
    rule = WindowRule(chunk=2, context=4, hop=2)
    # chunk 6 sees tokens 8 to 12 only: 4 of context, its own 2, the markers' 3
    assert exact_minimum(14, rule, 3, [6]) == 4 + 2 + 3


@given(rules(), st.integers(0, 200), st.integers(0, 5), st.data())
def test_judging_fewer_chunks_never_costs_more(rule, n_tokens, marker, data):
    chunks = [c for c in judgeable(n_tokens, rule) if data.draw(st.booleans())]
    some = exact_minimum(n_tokens, rule, marker, chunks)
    assert some <= exact_minimum(n_tokens, rule, marker)


@given(rules(), st.integers(0, 200), st.integers(0, 5))
def test_exact_minimum_never_exceeds_asking_each_window_alone(rule, n_tokens, marker):
    alone = sum(w.stop - w.start + marker for w in windows(n_tokens, rule))
    minimum = exact_minimum(n_tokens, rule, marker)
    assert minimum <= alone
    assert minimum >= count_windows(n_tokens, rule) * marker


@given(rules(), st.integers(0, 200))
def test_context_is_everything_before_until_the_limit(rule, n_tokens):
    for window in windows(min(n_tokens, rule.context + rule.chunk), rule):
        assert window.start == 0
