"""fastokens beside `tokenizers`: the same ids, for every kind of tokenizer that it takes."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges import fast_encoding
from rm_ray.judges.encoding import encode, load_tokenizer, plain_json
from rm_ray.judges.fast_encoding import (
    battery,
    encode_documents,
    first_difference,
    load_fast,
)
from rm_ray.score.library import fastest
from tests import checkpoints
from tests.conftest import tiny_judge
from tests.judges.plain_tokenizers import gpt2, llama3, split_by, tiny, words
from tests.judges.text_pieces import PIECES

# Any characters that a document may hold, and the ends of a code's planes.
TEXTS = st.one_of(
    st.lists(PIECES, max_size=60).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
    st.lists(st.one_of(PIECES, st.text(st.characters(exclude_categories=["Cs"]), max_size=8))).map(
        "".join
    ),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory, qwen_tokenizer_json):
    """Plain tokenizers by kind."""
    folder = tmp_path_factory.mktemp("tokenizers")
    checkpoints.sentence_pieces(folder, "prepend")
    llama2 = plain_json((folder / "tokenizer.json").read_text())
    return {
        "qwen2.5": plain_json(qwen_tokenizer_json),
        "tiny": tiny(),
        "GPT-2": gpt2(),
        "Llama 3": llama3(),
        "Llama 2": llama2,
        "added words": words(),
    }


@pytest.mark.parametrize("kind", ["qwen2.5", "tiny", "GPT-2", "Llama 3", "Llama 2", "added words"])
def test_ids_are_those_of_tokenizers(made, kind):
    tokenizer_json = made[kind]
    assert load_fast(tokenizer_json) is not None
    assert first_difference(tokenizer_json, battery(tokenizer_json)) is None
    right = load_tokenizer(tokenizer_json)

    @settings(max_examples=300, deadline=None)
    @given(texts=st.lists(TEXTS, max_size=6))
    def same(texts):
        found = encode_documents(tokenizer_json, texts, fast=True)
        assert [ids.tolist() for ids in found] == [encode(right, text) for text in texts]
        assert all(ids.dtype == np.int32 for ids in found)

    same()


def test_every_added_token_of_qwen_is_plain_text(qwen_tokenizer_json):
    """Before, behind and between others, as a document may say them."""
    names = [one["content"] for one in json.loads(qwen_tokenizer_json)["added_tokens"]]
    texts = [f"{name} the {name}{other}{name}" for name in names for other in names]
    assert first_difference(plain_json(qwen_tokenizer_json), texts) is None


def test_a_long_word_and_a_long_text_are_encoded_whole():
    texts = ["ab" * 100_000, "漢" * 50_000, "one two  three\n" * 20_000, ""]
    assert first_difference(tiny(), texts) is None


@pytest.mark.parametrize("kind", ["always", "WordPiece"])
def test_what_fastokens_does_not_take_stays_with_tokenizers(tmp_path, kind):
    if kind == "always":
        checkpoints.sentence_pieces(tmp_path, kind)
    else:
        checkpoints.word_pieces(tmp_path)
    tokenizer_json = plain_json((tmp_path / "tokenizer.json").read_text())
    assert load_fast(tokenizer_json) is None
    (found,) = encode_documents(tokenizer_json, ["the capital of it"], fast=True)
    assert found.tolist() == encode(load_tokenizer(tokenizer_json), "the capital of it")


def test_a_machine_without_fastokens_has_tokenizers(monkeypatch):
    monkeypatch.setattr(fast_encoding, "FastTokenizer", None)
    load_fast.cache_clear()
    try:
        (found,) = encode_documents(tiny(), ["a text"], fast=True)
        tokenizer, _ = tiny_judge()
        assert found.tolist() == encode(load_tokenizer(tiny()), "a text")
        assert not fastest(tokenizer).fast
    finally:
        load_fast.cache_clear()


def test_the_battery_finds_a_pattern_that_both_read_otherwise(caplog):
    """Before `^` stands the beginning of any line for tokenizers, of the text for fastokens."""
    anchored = split_by(r"^th|\S+|\s+", tiny())
    texts = battery(anchored)
    number = first_difference(anchored, texts)
    assert number is not None and "\n" in texts[number]
    tokenizer, _ = tiny_judge()
    with caplog.at_level(logging.WARNING):
        assert fastest(tokenizer).fast and not caplog.text
        assert not fastest(type(tokenizer)(tokenizer.column, anchored)).fast
    assert f"for the text {texts[number]!r}: this run uses tokenizers" in caplog.text
