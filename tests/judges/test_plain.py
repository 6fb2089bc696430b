"""The border between what documents say and what a tokenizer obeys."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import encode, encode_all, load_plain, load_tokenizer
from rm_ray.judges.plain import (
    check_words,
    is_obeyed,
    join_texts,
    plain_tokenizer,
    special_tokens,
    split_special,
    strip_beside,
)


@pytest.mark.parametrize(
    ("name", "special", "obeyed"),
    [
        ("<|im_start|>", True, True),
        ("<tool_call>", False, True),
        ("<｜Assistant｜>", False, True),
        ("[INST]", False, True),
        ("◁think▷", False, True),
        ("<unused7>", False, True),
        ("covid", False, False),
        ("@user", False, False),
        ("New York", False, False),
        ("    ", False, False),
        ("▁▁▁", False, False),
        ("\n\n", False, False),
        ("<table>", False, False),
        ("</h1>", False, False),
        ("</s>", True, True),
        ("end", True, True),
    ],
)
def test_where_the_border_lies(name, special, obeyed):
    assert is_obeyed({"content": name, "special": special}) == obeyed


def test_qwens_own_added_tokens_are_all_obeyed(qwen_tokenizer_json):
    added = json.loads(qwen_tokenizer_json)["added_tokens"]
    assert len(added) == 22 and sum(not one["special"] for one in added) == 8
    assert all(map(is_obeyed, added))
    assert special_tokens(qwen_tokenizer_json).ids["<tool_call>"] == 151657
    plain = load_plain(qwen_tokenizer_json)
    (ids,) = encode_all(plain, ["".join(one["content"] for one in added)])
    assert max(ids) < 151643


def test_words_that_were_added_stay_one_token_with_their_ids(qwen_tokenizer_json):
    whole = Tokenizer.from_str(qwen_tokenizer_json)
    whole.add_tokens(["covid", "New York"])
    text = whole.to_str()
    plain = load_plain(text)
    said = "In New York covid<|im_end|>"
    assert encode(plain, "In New York covid") == encode(whole, "In New York covid")
    assert whole.token_to_id("covid") in encode(plain, said)
    assert whole.token_to_id("<|im_end|>") not in encode(plain, said)
    assert plain.decode(encode(plain, said)) == said
    # a word that holds a space: a long text is not cut there
    long = "In New York it rains. " * 20
    assert [ids.tolist() for ids in encode_all(plain, [long])] == [encode(whole, long)]


def test_words_between_obeyed_tokens_keep_their_ids(tiny_tokenizer):
    whole = Tokenizer.from_str(tiny_tokenizer.to_str())
    whole.add_special_tokens(["<a>"])
    whole.add_tokens(["covid"])
    whole.add_special_tokens(["<b>x", "<c>"])
    whole.add_tokens(["delta"])
    plain = load_plain(whole.to_str())
    for text in ("a covid b", "delta", "covid delta covid"):
        assert encode(plain, text) == encode(whole, text)
    assert not {whole.token_to_id(one) for one in ("<a>", "<c>")} & set(encode(plain, "<a> <c>"))


def test_a_word_of_a_unigram_model_keeps_its_id():
    words = [("<unk>", 0.0), ("▁a", -1.0), ("b", -1.0), ("<", -2.0), ("s", -2.0), (">", -2.0)]
    whole = Tokenizer(models.Unigram(words, unk_id=0))
    whole.pre_tokenizer = pre_tokenizers.Metaspace()
    whole.add_special_tokens(["<s>"])
    whole.add_tokens(["covid"])
    plain = load_plain(whole.to_str())
    assert encode(plain, "a covid") == encode(whole, "a covid")
    assert whole.token_to_id("<s>") not in encode(plain, "a<s>")


def test_a_word_that_would_become_another_token_is_refused(tiny_tokenizer):
    whole = Tokenizer.from_str(tiny_tokenizer.to_str())
    whole.add_tokens(["covid"])
    wrong = json.loads(whole.to_str())
    wrong["added_tokens"][0]["id"] += 5
    with pytest.raises(JudgeError, match="the tokenizer's added word 'covid' has the id"):
        check_words(json.dumps(wrong), load_tokenizer(plain_tokenizer(json.dumps(wrong))))


@pytest.mark.parametrize("ignore_merges", [True, False])
def test_a_special_token_that_merges_make_of_text_is_hidden_from_them(ignore_merges):
    vocabulary = {sign: i for i, sign in enumerate(["<unk>", *"a</s>Ġ", "</", "s>", "</s>"])}
    merges = [("<", "/"), ("s", ">"), ("</", "s>")]
    whole = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", ignore_merges=ignore_merges)
    )
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    whole.add_special_tokens(["<unk>", "</s>"])
    plain = load_plain(whole.to_str())
    (number,) = [one["id"] for one in json.loads(whole.to_str())["added_tokens"]
                 if one["content"] == "</s>"]  # fmt: skip
    for text in ("</s>", "a</s>a", " </s> "):
        assert number in encode(whole, text) and number not in encode(plain, text)
    assert encode(plain, "a<unk>") != [] and plain.token_to_id(" </s> ") == number


def test_special_tokens_that_take_the_white_space_beside_them(tiny_tokenizer):
    whole = Tokenizer.from_str(tiny_tokenizer.to_str())
    whole.add_special_tokens([AddedToken("<|user|>", rstrip=True, special=True),
                              AddedToken("<|end|>", lstrip=True, special=True)])  # fmt: skip
    text = whole.to_str()
    user, end = whole.token_to_id("<|user|>"), whole.token_to_id("<|end|>")
    assert split_special("<|user|>\nWhy? <|end|>\n", text) == [user, "Why?", end, "\n"]
    parts = join_texts([user, "\n", " because ", "it is", "  ", end, "x"])
    assert parts == [user, "\n because it is  ", end, "x"]
    assert strip_beside(parts, special_tokens(text)) == [user, "because it is", end, "x"]
    assert strip_beside([user, " \n", end], special_tokens(text)) == [user, end]
    # white space of Python's alone stays
    assert strip_beside([user, "\x1fa"], special_tokens(text)) == [user, "\x1fa"]
    assert split_special("<|user|>\x1fa", text)[0] == encode(whole, "<|user|>\x1fa")[0]
    assert encode(load_plain(text), "\x1fa") == encode(whole, "<|user|>\x1fa")[1:]
