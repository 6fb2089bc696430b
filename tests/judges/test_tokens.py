"""Text to token ids: plain, and the same whatever the pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from rm_ray.judges import tokens
from rm_ray.judges.tokens import cut_characters, encode, encode_all, split_text
from tests.judges.preference.test_text_prompts import PIECES

TEXTS = st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=120)


@pytest.mark.parametrize("which", ["tiny_tokenizer", "qwen_tokenizer"])
def test_byte_level_tokenizers_may_be_cut_before_spaces_lines_and_cjk_punctuation(which, request):
    assert cut_characters(request.getfixturevalue(which)) == {" ", "\n", "。", "，", "、"}


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, most=st.integers(1, 30))
def test_pieces_tokenise_to_what_the_whole_text_does(tiny_tokenizer, text, most):
    pieces = list(split_text(text, cut_characters(tiny_tokenizer), most))
    assert "".join(pieces) == text
    assert [i for piece in pieces for i in encode(tiny_tokenizer, piece)] == encode(
        tiny_tokenizer, text
    )


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, most=st.integers(1, 30))
def test_pieces_tokenise_to_the_whole_with_the_qwen_tokenizer(qwen_tokenizer, text, most):
    pieces = list(split_text(text, cut_characters(qwen_tokenizer), most))
    assert [i for piece in pieces for i in encode(qwen_tokenizer, piece)] == encode(
        qwen_tokenizer, text
    )


def test_pieces_by_hand():
    cuts = frozenset(" ")
    assert list(split_text("aa bb cc", cuts, 5)) == ["aa bb", " cc"]
    assert list(split_text("aa  bb", cuts, 3)) == ["aa", "  bb"]
    assert list(split_text("abcdefgh ij", cuts, 3)) == ["abcdefgh", " ij"]  # no place to cut
    assert list(split_text("", cuts, 3)) == [""]


def test_long_texts_are_batched_and_put_together_again(tiny_tokenizer, monkeypatch):
    texts = ["", "one two three " * 50, "four", "five six. " * 30, ""]
    whole = [encode(tiny_tokenizer, text) for text in texts]
    monkeypatch.setattr(tokens, "BATCH_CHARACTERS", 100)
    sizes = [sum(len(x) for _, x in batch) for batch in tokens._batches([(0, "x" * 60)] * 5)]
    assert sizes == [60] * 5
    assert [ids.tolist() for ids in encode_all(tiny_tokenizer, texts)] == whole


def test_a_tokenizer_that_never_splits_is_never_cut():
    joined = models.BPE({"a": 0, " ": 1, "b": 2, "a ": 3}, [("a", " ")])
    assert cut_characters(Tokenizer(joined)) == frozenset()
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    assert " " in cut_characters(words)
