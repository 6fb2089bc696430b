"""Windows by hand, and what holds for any document."""

from hypothesis import given
from hypothesis import strategies as st

from rm_ray.windows import Window, WindowRule, count_windows, exact_minimum, windows

RULE = WindowRule(chunk=64, context=8192, hop=2048)


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
