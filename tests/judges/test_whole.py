"""Judges of whole documents: prompts, verdicts and costs, by hand."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForSequenceClassification,
)

from rm_ray.config import InputConfig
from rm_ray.engines.engine import answer_all
from rm_ray.engines.heads import check_engine_runs
from rm_ray.engines.read_outs import ClassLogits
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.families import build_judge
from rm_ray.judges.quantile.keys import QuantileConfig
from rm_ray.judges.regression.keys import RegressionConfig
from tests import checkpoints
from tests.engines.small_engines import engine_of

TEXT = InputConfig(path="-")
PAIR = InputConfig(path="-", prompt="q", completion="a")
CHAT = InputConfig(path="-", messages="chat")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    for name in ("bert", "gpt2", "quantile"):
        (root / name).mkdir()
        getattr(checkpoints, name)(root / name)
    return root


def judge_of(folder, kind, inputs, **keys):
    return build_judge(kind(model=str(folder), **keys), inputs, resolve_model(str(folder), None))


def classifier(folders, name="gpt2", **keys):
    keys = {"reduction": "index:1", **keys} if name == "gpt2" else keys
    return judge_of(folders / name, ClassifierConfig, TEXT, **keys)


def answers(*rows):
    return {i: np.float32(row) for i, row in enumerate(rows)}


def test_a_document_is_one_prompt_with_its_special_tokens(folders):
    tokenizer, judge = classifier(folders, "bert", max_tokens=8)
    ids = tokenizer.tokenize({"text": pa.array(["the of and the of and the of"])}).ids[0]
    (look,) = judge.looks(ids)
    (prompt,) = judge.prompts(ids, look)
    assert prompt.tolist() == [2, *ids[:6].tolist(), 3]
    verdict = judge.verdict(answers([-1.25]), len(ids))
    assert (verdict.status, verdict.reward, verdict.more) == ("ok", -1.25, {"truncated_tokens": 2})
    asked = judge.estimate(ids)
    assert (asked.windows, asked.prompt_tokens, asked.minimum_tokens) == (1, 8, 8)
    assert (asked.truncated, asked.truncated_tokens) == (1, 2)


def test_windows_are_averaged_by_their_tokens(folders):
    _, judge = classifier(folders, max_tokens=8, long="windows", logits=True)
    ids = np.arange(20, dtype=np.int32)
    (look,) = judge.looks(ids)
    assert [one.tolist() for one in judge.prompts(ids, look)] == [
        list(range(8)), list(range(8, 16)), list(range(16, 20)),
    ]  # fmt: skip
    verdict = judge.verdict(answers([0, 1], [0, 2], [5, 4]), 20)
    assert verdict.reward == pytest.approx((8 * 1 + 8 * 2 + 4 * 4) / 20)
    assert verdict.more == {"truncated_tokens": 0, "logits": pytest.approx([1.0, 2.0])}


def test_left_truncation_keeps_the_end(folders):
    _, judge = classifier(folders, max_tokens=8, truncate="left")
    ids = np.arange(20, dtype=np.int32)
    (prompt,) = judge.prompts(ids, [0])
    assert prompt.tolist() == list(range(12, 20))


def test_no_tokens_no_number_and_no_finite_number(folders):
    _, judge = classifier(folders)
    assert judge.looks(np.empty(0, np.int32)) == [range(0)]
    short = judge.verdict({}, 0)
    assert (short.status, short.reward, short.error) == (
        "too_short",
        None,
        "the text has no tokens",
    )
    failed = judge.verdict(answers([np.nan, 1.0]), 3)
    assert (failed.status, failed.error) == ("failed", "the engine returned nan, 1")
    weighted = classifier(folders, reduction="weights", weights=[1e308, 1e308])[1]
    over = weighted.verdict(answers([1e30, 1e30]), 3)
    assert (over.status, over.error) == ("failed", "the reward came out as inf")


def test_alpha_multiplies(folders):
    _, judge = judge_of(folders / "bert", RegressionConfig, PAIR, alpha=10)
    assert judge.verdict(answers([0.5]), 3).reward == 5.0
    assert judge.verdict(answers([-0.25]), 3).reward == -2.5


def test_costs_follow_from_output_rows(folders):
    _, judge = classifier(folders, "bert", max_tokens=8)
    rows = pa.table({"n_tokens": [4, 4, 20], "truncated_tokens": [0, 0, 14]})
    work = judge.work(rows)
    assert (work.windows, work.prompt_tokens) == (3, 6 + 6 + 8)
    assert (work.truncated, work.truncated_tokens) == (1, 14)


def test_a_harmless_document_is_as_long_as_asked_and_whole(folders):
    for kind, name, inputs in (
        (RegressionConfig, "bert", PAIR),
        (QuantileConfig, "quantile", CHAT),
    ):
        _, judge = judge_of(folders / name, kind, inputs)
        for length in (0, 50, 99):
            ids = judge.harmless(length, 7)
            assert len(ids) >= length and [len(look) for look in judge.looks(ids)] == [1]


def chat(said, asked="the"):
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return {"chat": pa.array([json.dumps(turns)])}


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_long_chat_is_cut_within_its_last_turn(folders, side):
    keys = {"max_tokens": 96, "truncate": side}
    tokenizer, judge = judge_of(folders / "quantile", QuantileConfig, CHAT, **keys)
    said = " ".join(f"word{i}" for i in range(200))
    (short,), (ids,) = (tokenizer.tokenize(chat(one)).ids for one in ("x", said))
    ((prompt,),) = [list(judge.prompts(ids, look)) for look in judge.looks(ids)]
    before, after = len(short) - 2, 1  # all but the one token of the answer, and the end of turn
    assert len(prompt) == 96 and prompt[:before].tolist() == ids[:before].tolist()
    kept, answer = prompt[before:-after], ids[before:-after]
    first = 0 if side == "right" else len(answer) - len(kept)
    assert kept.tolist() == answer[first : first + len(kept)].tolist()
    assert prompt[-1] == ids[-1] == 1024
    assert judge.verdict({0: np.zeros(39, np.float32)}, len(ids)).more["truncated_tokens"] == (
        len(ids) - 96
    )


# As Mistral's: a tool's answer is followed by the assistant's without a header.
INST = (
    "{%- for m in messages %}{%- if m.role == 'user' %}{{- '[INST] ' + m.content + '[/INST]' }}"
    "{%- elif m.role == 'tool' %}{{- '[INST] tool: ' + m.content }}"
    "{%- else %}{{- ' ' + (m.content or '') + '</s>' }}{%- endif %}{%- endfor %}"
)


def inst_judge(folder, **keys):
    checkpoints.sentence_pieces(folder, "first", ("[INST]", "[/INST]"), INST)
    shape = checkpoints.LLAMA | {"vocab_size": 400}
    config = LlamaConfig(**shape, num_labels=1, pad_token_id=0)
    checkpoints.seeded(LlamaForSequenceClassification, config).save_pretrained(folder)
    return judge_of(folder, ClassifierConfig, CHAT, **keys)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_header_that_merges_with_the_answer_is_found_all_the_same(tmp_path, side):
    tokenizer, judge = inst_judge(tmp_path, max_tokens=64, truncate=side)
    (ids,) = tokenizer.tokenize(chat("the answer " * 20)).ids
    ((prompt,),) = [list(judge.prompts(ids, look)) for look in judge.looks(ids)]
    closed = load_tokenizer(tokenizer.template.tokenizer_json).token_to_id("[/INST]")
    inner = ids.tolist().index(closed) + 1
    assert len(prompt) == 64 and prompt[:inner].tolist() == ids[:inner].tolist()
    answer, kept = ids[inner:-1], prompt[inner:-1]
    first = 0 if side == "right" else len(answer) - len(kept)
    assert kept.tolist() == answer[first : first + len(kept)].tolist() and prompt[-1] == ids[-1]


def test_a_long_chat_whose_last_turn_is_not_found_is_not_cut_in_an_earlier_one(tmp_path):
    tokenizer, judge = inst_judge(tmp_path, max_tokens=64)
    turns = [("user", "q"), ("assistant", "x"), ("tool", "the tide"), ("assistant", "a " * 60)]
    said = [{"role": role, "content": content} for role, content in turns]
    (ids,) = tokenizer.tokenize({"chat": pa.array([json.dumps(said)])}).ids
    assert len(ids) > 64 and judge.looks(ids) == []


def test_a_chat_that_leaves_its_last_turn_no_room_is_invalid(folders):
    tokenizer, judge = judge_of(folders / "quantile", QuantileConfig, CHAT, max_tokens=64)
    (ids,) = tokenizer.tokenize(chat("short", "long " * 100)).ids
    assert judge.looks(ids) == []
    verdict = judge.verdict({}, len(ids))
    assert verdict.status == "invalid" and verdict.error == (
        "a prompt has room for 64 tokens, and the turns before the chat's last one leave none for "
        "the last one"
    )


def test_tools_of_a_column_beside_the_chats_are_shown(tmp_path):
    checkpoints.qwen3(tmp_path)
    inputs = InputConfig(path="-", messages="chat", tools="tools")
    tokenizer, judge = judge_of(tmp_path, ClassifierConfig, inputs)
    assert tokenizer.columns == ("chat", "tools")
    assert tokenizer.fingerprint()["input.tools"] == "tools"
    template = "{%- for t in tools or [] %}{{- t.name }}{%- endfor %}" + checkpoints.QWEN_TEMPLATE
    (tmp_path / "tools.jinja").write_text(template)
    keys = {"chat": {"template": str(tmp_path / "tools.jinja")}}
    shows, _ = judge_of(tmp_path, ClassifierConfig, inputs, **keys)
    columns = chat("so") | {"tools": pa.array(['[{"name": "tide"}]'])}
    without = chat("so") | {"tools": pa.array([None], pa.string())}
    (plain,), (shown,) = (shows.tokenize(one).ids for one in (without, columns))
    assert tokenizer.tokenize(columns).ids[0].tolist() == plain.tolist()
    assert len(shown) > len(plain) and shown[-len(plain) :].tolist() == plain.tolist()
    assert len(judge.harmless(50, 1)) >= 50
    with pytest.raises(ValidationError, match=r"input.tools is tools, and tools stand beside"):
        InputConfig(path="-", tools="tools")


def test_a_causal_classifier_is_read_where_transformers_reads_it(folders, tmp_path):
    """Its template ends in the token that is also padding, which transformers passes over."""
    checkpoints.llama(tmp_path)
    tokenizer, judge = judge_of(tmp_path, ClassifierConfig, CHAT, as_chat=True)
    (ids,) = tokenizer.tokenize(chat("the answer")).ids
    ((prompt,),) = [list(judge.prompts(ids, look)) for look in judge.looks(ids)]
    assert 1024 in prompt and prompt[-1] != 1024
    engine = engine_of("transformers", tmp_path, judge.read_out, 128)
    (found,) = answer_all(engine, [prompt])
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    whole = torch.tensor([[*prompt.tolist(), 1024]])
    with torch.no_grad():
        assert found == pytest.approx(model(whole).logits[0].numpy(), abs=1e-5)


def test_so_is_one_whose_tokenizer_appends_its_padding_or_whose_text_ends_in_it(tmp_path):
    """transformers reads a decoder at the last token that is no padding, whatever put it there."""
    checkpoints.qwen3(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    pad, sign = config["pad_token_id"], "!"
    appended = {"SpecialToken": {"id": "<think>", "type_id": 0}}
    file = tmp_path / "tokenizer.json"
    parts = json.loads(file.read_text())
    (name,) = [one["content"] for one in parts["added_tokens"] if one["id"] == pad]
    appended["SpecialToken"]["id"] = name
    text, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}
    for end, padding in ((True, pad), (False, 0)):  # 0 is the token of "!"
        parts["post_processor"] = {
            "type": "TemplateProcessing", "single": [text, appended] if end else [text],
            "pair": [text, appended, second, appended] if end else [text, second],
            "special_tokens": {name: {"id": name, "ids": [pad], "tokens": [name]}} if end else {},
        }  # fmt: skip
        file.write_text(json.dumps(parts))
        (tmp_path / "config.json").write_text(json.dumps(config | {"pad_token_id": padding}))
        said = ["the harbour", f"it is{sign}", f"so{sign}{sign}", sign]
        tokenizer, judge = judge_of(tmp_path, ClassifierConfig, TEXT)
        ids = tokenizer.tokenize({"text": pa.array(said)}).ids
        prompts = [next(judge.prompts(one, [0])) for one in ids]
        assert all(len(one) == 1 or one[-1] != padding for one in prompts)
        engine = engine_of("transformers", tmp_path, judge.read_out, 128)
        found = np.stack(answer_all(engine, prompts))[:, 0]
        hub = AutoTokenizer.from_pretrained(tmp_path)
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
        with torch.no_grad():
            right = [float(model(**hub(one, return_tensors="pt")).logits[0, 0]) for one in said]
        assert found == pytest.approx(right, abs=1e-5)
        asked = judge.estimate(ids[0])
        assert asked.prompt_tokens == len(prompts[0])


def test_a_model_that_looks_both_ways_sees_its_padding_and_vllm_cannot(tmp_path):
    checkpoints.qwen3(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for pad, may_end in ((0, True), (config["pad_token_id"], False)):
        changed = config | {"is_causal": False, "pad_token_id": pad}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        _, judge = judge_of(tmp_path, ClassifierConfig, TEXT)
        assert judge.read_out.may_end_in_padding == may_end
        assert next(judge.prompts(np.int32([5, 0]), [0])).tolist() == [5, 0]
    with pytest.raises(ConfigError, match="may end in its padding token, and its tokens look both"):
        changed = ClassLogits(1, may_end_in_padding=True)
        check_engine_runs(changed, resolve_model(str(tmp_path), None), "vllm")


def test_qrms_numbers_go_to_their_columns(folders):
    _, judge = judge_of(folders / "quantile", QuantileConfig, CHAT)
    numbers = np.arange(39, dtype=np.float32)
    verdict = judge.verdict({0: numbers}, 30)
    assert verdict.reward == 38
    assert verdict.more["reward_quantiles"] == list(range(19))
    assert verdict.more["attributes"]["helpsteer-helpfulness"] == 19
    assert verdict.more["attributes"]["code-readability"] == 37
    names = [field.name for field in judge.columns.field("attributes").type]
    assert len(names) == 19 and set(names) == verdict.more["attributes"].keys()
