"""Text prompts: exactly the tokens of the assembled string, whatever the text."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges.encoding import encode
from rm_ray.judges.preference.text_prompts import TextPrompts, safe_cuts
from rm_ray.judges.preference.windows import WindowRule, windows
from tests.judges.text_pieces import PIECES

BEFORE, AFTER = "\n\n<<JUDGEMENT_REGION>>\n", "\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>"
TEXTS = st.lists(PIECES, min_size=1, max_size=120).map("".join) | st.text(max_size=200)


@lru_cache
def as_json(tokenizer):
    """Qwen's takes a moment."""
    return tokenizer.to_str()


def assembled(tokenizer, ids, window):
    context = tokenizer.decode(ids[window.start : window.middle], skip_special_tokens=False)
    chunk = tokenizer.decode(ids[window.middle : window.stop], skip_special_tokens=False)
    return encode(tokenizer, context + BEFORE + chunk + AFTER)


def check(tokenizer, text, rule):
    ids = encode(tokenizer, text)
    prompts = TextPrompts(as_json(tokenizer), ids, (BEFORE,), (AFTER,))
    for window in windows(len(ids), rule):
        assert prompts.prompt(window) == assembled(tokenizer, ids, window), (text, window)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, hop=st.integers(0, 3))
def test_text_prompts_equal_the_tokens_of_the_assembled_string(tiny_tokenizer, text, hop):
    check(tiny_tokenizer, text, WindowRule(chunk=4, context=12, hop=4 * hop, judge_partial=True))


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, hop=st.integers(0, 3))
def test_text_prompts_equal_the_assembled_string_with_the_qwen_tokenizer(qwen_tokenizer, text, hop):
    check(qwen_tokenizer, text, WindowRule(chunk=4, context=12, hop=4 * hop, judge_partial=True))


def test_a_full_stop_merges_with_the_marker_only_in_text(tiny_tokenizer):
    ids = encode(tiny_tokenizer, "This is the end.")
    window = next(windows(len(ids), WindowRule(chunk=len(ids), context=0, hop=0)))
    text = TextPrompts(as_json(tiny_tokenizer), ids, (BEFORE,), (AFTER,)).prompt(window)
    assert text == encode(tiny_tokenizer, BEFORE + "This is the end." + AFTER)


def test_safe_cuts_by_hand(tiny_tokenizer):
    ids = encode(tiny_tokenizer, "a b  c\n d")
    cuts = safe_cuts(tiny_tokenizer, np.asarray(ids))
    # before a space after something visible; not between spaces, not after a line's end
    assert [tiny_tokenizer.decode(ids[:cut]) for cut in cuts] == ["a", "a b"]


def test_most_of_a_long_context_keeps_its_tokens(tiny_tokenizer):
    text = "The quick brown fox jumps over the lazy dog. " * 40
    ids = encode(tiny_tokenizer, text)
    prompts = TextPrompts(as_json(tiny_tokenizer), ids, (BEFORE,), (AFTER,))
    window = list(windows(len(ids), WindowRule(chunk=64, context=8192, hop=2048)))[-1]
    head, tail = prompts._kept(window)
    assert head == 0 and window.middle - tail < 16


def test_a_tokenizer_that_joins_words_across_spaces_gets_no_cuts():
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.BPE({"a": 0, "Ġ": 1, "b": 2, "aĠ": 3}, [("a", "Ġ")], fuse_unk=False)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    assert len(safe_cuts(tokenizer, np.asarray([0, 1, 2]))) == 0
