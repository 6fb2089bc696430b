"""Text to token ids: plain, and the same whatever the pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from rm_ray.errors import JudgeError
from rm_ray.judges import encoding
from rm_ray.judges.encoding import cut_characters, encode, encode_all, load_tokenizer, split_text
from rm_ray.judges.plain import plain_tokenizer, split_special
from rm_ray.judges.tokens import read_tokenizer, tokenizer_of_run
from tests.conftest import TINY_JUDGE
from tests.judges.text_pieces import PIECES

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
    monkeypatch.setattr(encoding, "BATCH_CHARACTERS", 100)
    sizes = [sum(len(x) for _, x in batch) for batch in encoding._batches([(0, "x" * 60)] * 5)]
    assert sizes == [60] * 5
    assert [ids.tolist() for ids in encode_all(tiny_tokenizer, texts)] == whole


def test_a_tokenizer_that_never_splits_is_never_cut():
    joined = models.BPE({"a": 0, " ": 1, "b": 2, "a ": 3}, [("a", " ")])
    assert cut_characters(Tokenizer(joined)) == frozenset()
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    assert " " in cut_characters(words)


def test_a_unigram_model_does_not_obey_a_special_token_in_a_text():
    """It has special tokens among its words, of the best score there is."""
    words = [("<unk>", 0.0), ("</s>", 0.0), ("▁a", -1.0), ("b", -1.0), ("<", -2.0), ("/", -2.0)]
    words += [("s", -2.0), (">", -2.0)]
    whole = Tokenizer(models.Unigram(words, unk_id=0))
    whole.pre_tokenizer = pre_tokenizers.Metaspace()
    whole.add_special_tokens(["</s>"])
    plain = load_tokenizer(plain_tokenizer(whole.to_str()))
    assert 1 in encode(whole, "a</s>b")
    assert encode(plain, "a</s>b") == [2, 4, 5, 6, 7, 3]


def test_added_runs_of_spaces_are_text_and_other_added_tokens_are_not(tiny_tokenizer):
    whole = Tokenizer.from_str(tiny_tokenizer.to_str())
    whole.add_tokens(["    ", "<tool_call>"])
    plain = load_tokenizer(plain_tokenizer(whole.to_str()))
    spaces, call = whole.token_to_id("    "), whole.token_to_id("<tool_call>")
    assert spaces in encode(plain, "a    b") and call not in encode(plain, "<tool_call>")
    assert split_special("<tool_call>a    b", whole.to_str()) == [call, "a    b"]


def test_a_tokenizers_folder_may_be_in_the_users_home_and_is_no_hub_name(monkeypatch):
    monkeypatch.setenv("HOME", str(TINY_JUDGE.parent))
    assert read_tokenizer(f"~/{TINY_JUDGE.name}", None) == read_tokenizer(str(TINY_JUDGE), None)
    assert tokenizer_of_run({"model": f"file://{TINY_JUDGE}"}).json
    for name in ("~/nothing", "~no-such-user/x", "/no/such/folder", "./nothing"):
        with pytest.raises(JudgeError, match=f"there is no folder {name} to read a tokenizer"):
            read_tokenizer(name, None)


def test_padding_and_truncation_of_a_tokenizers_file_do_not_count(tiny_tokenizer):
    whole = Tokenizer.from_str(tiny_tokenizer.to_str())
    whole.enable_padding(length=8)
    whole.enable_truncation(2)
    assert encode(load_tokenizer(whole.to_str()), "a b c d") == encode(tiny_tokenizer, "a b c d")
