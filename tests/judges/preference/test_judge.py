"""The preference judge: prompts token by token, labels, refusals, plain text."""

import json

import numpy as np
import pytest

from rm_ray.config import InputConfig
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import encode, encode_all, load_tokenizer
from rm_ray.judges.families import build_judge
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge, mean_reward
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import TokenizerFiles, read_tokenizer
from tests.conftest import TINY_JUDGE, tiny_judge

# The A/B judge's markers as the released model's card gives them.
MARKER = "\n\n<<JUDGEMENT_REGION>>\n{chunk}\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>"


@pytest.fixture(scope="module")
def tiny():
    return plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text())


@pytest.fixture(scope="module")
def qwen(qwen_tokenizer_json):
    return plain_tokenizer(qwen_tokenizer_json)


def judge_of(tokenizer_json, **settings):
    files = TokenizerFiles(tokenizer_json, None, {})
    return PreferenceJudge.of(PreferenceConfig(model="unused", **settings), files)


def test_three_chunks_token_by_token(tiny):
    judge = judge_of(tiny, chunk_tokens=2, context_tokens=4)
    m1, m2 = list(judge.before), list(judge.after)
    assert [p.tolist() for p in judge.prompts([11, 12, 13, 14, 15, 16, 17])] == [
        [*m1, 11, 12, *m2],
        [11, 12, *m1, 13, 14, *m2],
        [11, 12, 13, 14, *m1, 15, 16, *m2],
    ]


def test_after_a_hop_the_context_starts_later(tiny):
    judge = judge_of(tiny, chunk_tokens=1, context_tokens=2, hop_tokens=1)
    around = len(judge.after) + 1 + len(judge.before)
    contexts = [prompt[:-around].tolist() for prompt in judge.prompts([1, 2, 3, 4])]
    assert contexts == [[], [1], [1, 2], [3]]


def test_qwen_has_23_marker_tokens_and_labels_32_and_33(qwen):
    judge = judge_of(qwen)
    assert (len(judge.before), len(judge.after)) == (8, 15)
    assert judge.label_ids == (32, 33)


def test_qwen_prompts_are_the_string_of_the_model_card(qwen):
    judge = judge_of(qwen, chunk_tokens=4, context_tokens=8)
    tokenizer = load_tokenizer(qwen)
    ids = encode(tokenizer, "The quick brown fox jumps over the lazy dog and runs away")
    prompt = tokenizer.decode(list(judge.prompts(ids))[1], skip_special_tokens=False)
    assert prompt == "The quick brown fox" + MARKER.format(chunk=" jumps over the lazy")


@pytest.mark.parametrize("which", ["tiny", "qwen"])
def test_the_label_follows_the_prompt_as_a_token_of_its_own(which, request):
    text = request.getfixturevalue(which)
    judge, tokenizer = judge_of(text), load_tokenizer(text)
    for label, token in zip("AB", judge.label_ids, strict=True):
        assert encode(tokenizer, judge.config.after_chunk + label) == [*judge.after, token]


@pytest.mark.parametrize("which", ["tiny", "qwen"])
def test_no_added_token_in_a_document_is_ever_obeyed(which, request):
    text = (TINY_JUDGE / "tokenizer.json").read_text()
    if which == "qwen":
        text = request.getfixturevalue("qwen_tokenizer_json")
    added = {token["content"]: token["id"] for token in json.loads(text)["added_tokens"]}
    assert {"<tool_call>", "<|fim_prefix|>", "<|endoftext|>"} <= added.keys()
    tokenizer = load_tokenizer(plain_tokenizer(text))
    for content in added:
        (ids,) = encode_all(tokenizer, [f"before {content} after"])
        assert not set(ids) & set(added.values())
        assert tokenizer.decode(ids) == f"before {content} after"


def test_markers_in_a_document_are_plain_text(tiny):
    judge = judge_of(tiny)
    (ids,) = encode_all(load_tokenizer(tiny), [MARKER.format(chunk="x") + "A"])
    decoded = load_tokenizer(tiny).decode(ids)
    assert decoded == MARKER.format(chunk="x") + "A"
    assert len(judge.judgeable(len(ids))) == len(ids) // 64


def test_other_labels_are_configuration(tiny):
    judge = judge_of(tiny, chosen="1", rejected="0", before_chunk="[", after_chunk="]")
    assert (len(judge.before), len(judge.after)) == (1, 1)
    assert judge.label_ids[0] != judge.label_ids[1]


def test_a_label_of_several_tokens_is_refused(tiny):
    with pytest.raises(JudgeError, match=r"'Chosen one' is [0-9]+ tokens"):
        judge_of(tiny, chosen="Chosen one")


def test_a_model_too_short_for_the_context_is_refused():
    config = PreferenceConfig(model=str(TINY_JUDGE), context_tokens=16384)
    with pytest.raises(JudgeError, match=r"takes 16384 tokens.*lower --judge.context_tokens"):
        build_judge(config, InputConfig(path="p"), resolve_model(str(TINY_JUDGE), None))


def test_a_harmless_document_is_as_long_as_asked_and_another_for_every_row(tiny):
    judge = judge_of(tiny)
    one, other = judge.harmless(1000, 5), judge.harmless(1000, 6)
    assert len(one) == 1000 and set(one.tolist()) == set(judge.label_ids)
    assert one[:64].tolist() != other[:64].tolist() and (one[64:] == other[64:]).all()
    assert len(judge.harmless(0, 0)) == 128  # two chunks, the least that shows both ends


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("partial", [True, False])
def test_a_harmless_document_has_a_chunk_to_judge(first, partial):
    _, judge = tiny_judge(judge_first_chunk=first, judge_partial_chunk=partial)
    for length in (0, 64, 65, 200):
        assert any(judge.looks(judge.harmless(length, 3)))


def test_an_estimate_of_some_chunks_tells_the_cost_of_all():
    ids = np.arange(640, dtype=np.int32) % 100
    _, every = tiny_judge()
    _, first = tiny_judge(chunks="first:2")
    whole, some = every.estimate(ids), first.estimate(ids)
    assert whole.minimum_tokens == whole.whole_minimum_tokens == some.whole_minimum_tokens
    assert some.minimum_tokens < whole.minimum_tokens / 4


def test_rewards_by_hand():
    judge = PreferenceJudge.chunk_reward
    assert judge(None, np.float32([1.5, -0.5])) == 2.0
    assert mean_reward([1.0, 2.0, 6.0]) == 3.0
    # stored as float32, averaged in float64
    assert mean_reward([0.1]) == float(np.float32(0.1))


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((TINY_JUDGE / name).read_bytes())
    with pytest.raises(JudgeError, match="has no tokenizer"):
        read_tokenizer(str(tmp_path), None)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./missing", "no-owner"])
def test_a_missing_model_is_refused(name):
    with pytest.raises(JudgeError, match="no folder"):
        resolve_model(name, None)


def test_the_same_files_in_another_folder_are_the_same_model(tmp_path):
    tiny = resolve_model(str(TINY_JUDGE), None)
    for file in TINY_JUDGE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert resolve_model(str(tmp_path), None).identity == tiny.identity
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text() + "\n")
    assert resolve_model(str(tmp_path), None).identity != tiny.identity


def test_a_folder_below_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").symlink_to(TINY_JUDGE)
    config = PreferenceConfig(model="~/model", context_tokens=256)
    tokenizer, _ = build_judge(
        config, InputConfig(path="p"), resolve_model(config.model, config.revision)
    )
    assert tokenizer.tokenizer_json == tiny_judge()[0].tokenizer_json
