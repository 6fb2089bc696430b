"""What is refused of a model before an engine starts: one sentence each, with a way on."""

import json
import os
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import (
    Gemma3Config,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
)

from rm_ray.engines import runnable, vllm_question
from rm_ray.engines.engine import answer_all
from rm_ray.engines.fetch import is_weights
from rm_ray.engines.files import check_no_adapter
from rm_ray.engines.heads import check_engine_runs, check_language_model, quantile_sizes
from rm_ray.engines.read_outs import ClassLogits, LabelLogits
from rm_ray.engines.runnable import check_runs
from rm_ray.engines.start import start_engine
from rm_ray.engines.vllm_question import vllm_objects
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError, JudgeError
from tests import checkpoints
from tests.conftest import TINY_JUDGE, engine_settings, tiny_model
from tests.engines.hub_server import COMMIT, NAME
from tests.engines.stored_judge import URI, put, start

pytestmark = pytest.mark.vllm

ADAPTER = {"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "a/b"}


@pytest.fixture
def folder(tmp_path):
    """The tiny judge, to be changed."""
    shutil.copytree(TINY_JUDGE, tmp_path / "judge")
    return tmp_path / "judge"


def change(folder, without=(), **keys):
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in without} | keys
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("alone", [False, True])
def test_an_adapter_is_refused_with_the_command_that_merges_it(folder, alone):
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    if alone:
        (folder / "config.json").unlink()
        (folder / "model.safetensors").unlink()
    said = (
        rf"{folder} has an adapter \(adapter_config.json\).* merge it .*the package peft installed:"
        rf".*AutoPeftModelForSequenceClassification.from_pretrained\('{folder}'\)"
        r".merge_and_unload\(\).save_pretrained\('MERGED'\).*copy the tokenizer"
    )
    with pytest.raises(JudgeError, match=said):
        resolve_model(str(folder), None)


RESOLVE = f"""
from rm_ray.engines.weights import resolve_model
resolve_model({NAME!r}, {COMMIT!r})
"""


def test_an_adapter_of_the_hub_is_refused(hub, folder, tmp_path):
    adapter = ADAPTER | {"task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))
    hub.folder = folder
    process = start(RESOLVE, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"))
    said = process.communicate()[1]
    assert process.returncode == 1
    wanted = rf"{NAME} has an adapter .*AutoPeftModelForCausalLM.from_pretrained\('{NAME}'\)"
    assert re.search(wanted, said), said
    assert not hub.gets("model.safetensors")


def test_an_adapter_in_a_store_is_refused(bucket, tmp_path):
    put("adapter_config.json", json.dumps(ADAPTER).encode())
    with pytest.raises(JudgeError, match=rf"{URI} has an adapter .*ForSequence.*A_LOCAL_COPY"):
        resolve_model(URI, None, weights_folder=str(tmp_path))
    assert not bucket.gets("model.safetensors")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b'{"peft_type": "PROMPT_TUNING"}', "kind PROMPT_TUNING; .* cannot be merged"),
        (b'{"peft_type": "LORA"}', r"import AutoPeftModel; AutoPeftModel\.from"),
        (b"no JSON", r"import AutoPeftModel; AutoPeftModel\.from"),
    ],
)
def test_how_an_adapter_is_merged_depends_on_its_kind(config, said):
    with pytest.raises(JudgeError, match=said):
        check_no_adapter("F", ["adapter_config.json"], "F", lambda: config)


def test_an_adapters_weights_are_no_models():
    assert is_weights("model-00001-of-00002.safetensors")
    assert not is_weights("adapter_model.safetensors")


@pytest.mark.parametrize(
    ("architecture", "config", "said"),
    [
        ("", {}, r"does not say which class it is \(architectures"),
        ("BertForSequenceClassification", {}, "no language model; give --judge.family classifier"),
        ("LlamaForRewardModelWithGating", {}, "no language model; give --judge.family quantile"),
        ("Qwen2Model", {}, "is a Qwen2Model and no language model, and no family of judges reads"),
        ("InternLM2ForRewardModel", {"auto_map": {}}, "no language model.*brings modelling code"),
        ("T5ForConditionalGeneration", {"is_encoder_decoder": True}, "an encoder with a decoder"),
        ("BertLMHeadModel", {"model_type": "bert", "is_decoder": False}, "look at later tokens"),
        ("RobertaForCausalLM", {"model_type": "roberta"}, "look at later tokens"),
        ("LlamaForCausalLM", {"is_causal": False}, "look at later tokens"),
        ("Gemma3ForConditionalGeneration", {"text_config": {"use_bidirectional_attention": True}},
         "look at later tokens"),
    ],
)  # fmt: skip
def test_no_family_is_guessed(architecture, config, said):
    model = replace(tiny_model(), architecture=architecture, config=config)
    with pytest.raises(JudgeError, match=said):
        check_language_model(model, "preference")


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("GPT2LMHeadModel", {"model_type": "gpt2", "is_decoder": False}),
        ("Gemma3ForConditionalGeneration", {"text_config": {"use_bidirectional_attention": False}}),
        ("BertLMHeadModel", {"model_type": "bert", "is_decoder": True}),
    ],
)
def test_language_models_are_taken_whatever_their_names(architecture, config):
    check_language_model(
        replace(tiny_model(), architecture=architecture, config=config), "preference"
    )


def test_a_model_type_is_never_guessed(folder, tmp_path):
    """As nvidia/quality-classifier-deberta has none; older transformers looked at the name."""
    change(folder, without=["model_type"])
    named = folder.rename(tmp_path / "my-qwen2-judge")
    with pytest.raises(JudgeError, match=r"does not say what kind of model .*no model_type"):
        resolve_model(str(named), None)
    code = {"AutoConfig": "configuration.Config"}
    change(named, auto_map=code)
    with pytest.raises(JudgeError, match=r"runs only with --judge.trust_remote_code"):
        resolve_model(str(named), None)


def test_quantised_weights_are_not_for_transformers(folder):
    change(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    model = resolve_model(str(folder), None)
    with pytest.raises(ConfigError, match=r"quantised \(gptq\).*give --engine.name vllm on GPUs"):
        check_engine_runs(LabelLogits((1, 2)), model, "transformers")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "qwen2_moe", "layer_types": ["full_attention", "sliding_attention"]},
         "only some layers of .* have a sliding window"),
        ({"model_type": "mistral3", "text_config": {
            "model_type": "mistral", "layer_types": ["full_attention", "sliding_attention"]}},
         "only some layers of .* have a sliding window"),
        ({"model_type": "cohere2", "tie_word_embeddings": False}, "has a head of its own"),
    ],
)  # fmt: skip
def test_what_vllm_overlooks_is_for_transformers(config, said):
    """docs/agreement.md has the models that were tried."""
    model = replace(tiny_model(), config=config)
    with pytest.raises(ConfigError, match=f"{said}.*give --engine.name transformers"):
        check_engine_runs(LabelLogits((1, 2)), model, "vllm")
    check_engine_runs(LabelLogits((1, 2)), replace(tiny_model(), config={
        "model_type": "cohere2", "tie_word_embeddings": True,
        "layer_types": ["full_attention", "sliding_attention"],
    }), "vllm")  # fmt: skip


def test_armorm_is_told_from_qrm(tmp_path):
    checkpoints.quantile(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["num_quantiles"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(JudgeError, match=r"19 objectives .* no quantiles \(like .*ArmoRM.*QRM"):
        quantile_sizes(resolve_model(str(tmp_path), None))


def test_a_model_of_several_parts_runs_in_the_dtype_of_the_whole(tmp_path):
    shutil.copytree(TINY_JUDGE, tmp_path, dirs_exist_ok=True)
    config = Gemma3Config(text_config={"hidden_size": 64}).to_dict()
    for part in (config, config["text_config"]):
        part.pop("dtype", None)
    (tmp_path / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    assert resolve_model(str(tmp_path), None).dtype == "bfloat16"


def language_model(kind, config, folder):
    model = checkpoints.seeded(kind, config)
    model.save_pretrained(folder)
    return model


SMALL = {key: value for key, value in checkpoints.LLAMA.items() if key != "head_dim"}
LONG = {
    "original_max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
    "rope_scaling": {
        "rope_type": "longrope", "short_factor": [1.0] * 16, "long_factor": [4.25] * 16,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def longrope(tmp_path_factory):
    """A tiny Phi-3 whose positions turn in another way above 256 tokens: its folder, and it."""
    folder = tmp_path_factory.mktemp("phi3")
    return folder, language_model(Phi3ForCausalLM, Phi3Config(**SMALL | LONG), folder)


def settings_of(folder, longest, **changes):
    settings = engine_settings("vllm", kv_cache_gb=0.05)
    return replace(
        settings, model=resolve_model(str(folder), None), read_out=LabelLogits((32, 299)),
        max_prompt_tokens=longest, block_size=32, **changes,
    )  # fmt: skip


def test_longrope_in_vllm_is_that_of_transformers_below_the_original_length(longrope):
    folder, model = longrope
    settings = settings_of(folder, 255)
    runnable._check_positions(settings, str)
    os.environ.update(settings.environment())
    rng = np.random.default_rng(0)
    prompts = [rng.integers(5, 1000, length).astype(np.int32) for length in (5, 100, 255)]
    found = np.stack(answer_all(start_engine(settings), prompts))
    with torch.no_grad():
        expected = np.stack([
            model(torch.from_numpy(one)[None].long()).logits[0, -1, [32, 299]].numpy()
            for one in prompts
        ])  # fmt: skip
    assert np.abs(found - expected).max() < 1e-3 < np.abs(expected).max() / 100


def test_longrope_in_vllm_is_refused_above_it(longrope):
    """vLLM counts the token that a language model adds, and not a classifier's prompt alone."""
    settings = settings_of(longrope[0], 256)
    said = r"more than 256 tokens.*may have 257 .*give --judge.max_tokens 255, or --engine.name tr"
    with pytest.raises(ConfigError, match=said):
        check_runs(settings, lambda less: f"--judge.max_tokens {256 - less}")
    runnable._check_positions(replace(settings, read_out=ClassLogits(1)), str)
    same = dict(settings.model.config)
    same["rope_parameters"] = same["rope_parameters"] | {"long_factor": [1.0] * 16}
    alike = replace(settings.model, config=same)
    runnable._check_positions(replace(settings, model=alike), str)


def test_vllm_says_which_heads_it_does_not_take(tmp_path):
    config = LlamaConfig(**checkpoints.LLAMA | {"head_dim": 40})
    language_model(LlamaForCausalLM, config, tmp_path)
    said = r"vLLM does not run .*heads have 40 numbers.*128.*give --engine.name transformers"
    with pytest.raises(ConfigError, match=said):
        check_runs(settings_of(tmp_path, 255), str)


def test_vllm_says_that_it_does_not_know_a_model(folder):
    change(folder, architectures=["WonderForCausalLM"])
    said = r"vLLM does not run .*WonderForCausalLM.* not supported for now; give --engine.name tr"
    with pytest.raises(ConfigError, match=said):
        check_runs(settings_of(folder, 255), str)


@pytest.mark.parametrize(
    ("said", "clear"),
    [
        ("No module named 'mamba_ssm'", True),
        ("Unknown quantization method: bitsandbytes. Must be one of [1, 2]", True),
        ("Model architectures ['A'] failed to be inspected. Please check the logs", True),
        ("Failed to infer device type", False),
        ("Failed to find a kernel: it requires AMX tile support", False),
        (None, False),
    ],
)
def test_only_what_is_clear_refuses(monkeypatch, said, clear):
    answer = SimpleNamespace(stdout=f"noise\n{json.dumps(said)}\n")
    monkeypatch.setattr(vllm_question.subprocess, "run", lambda *_, **__: answer)
    found = vllm_objects(engine_settings("vllm"))
    assert (found is not None) == clear and "Must be" not in (found or "")


def test_a_question_that_cannot_be_asked_refuses_nothing(monkeypatch):
    monkeypatch.setattr(vllm_question.sys, "executable", "/bin/false")
    assert vllm_objects(engine_settings("vllm")) is None


def test_what_has_been_tried_is_not_asked_about(monkeypatch):
    def never(_):
        raise AssertionError

    monkeypatch.setattr(runnable, "vllm_objects", never)
    check_runs(engine_settings("vllm"), str)
    with pytest.raises(AssertionError):
        model = replace(tiny_model(), architecture="OlmoForCausalLM")
        check_runs(replace(engine_settings("vllm"), model=model), str)


def test_a_prompt_that_leaves_no_room_for_its_answer_is_refused():
    most = tiny_model().max_tokens
    settings = replace(engine_settings("transformers"), max_prompt_tokens=most)
    with pytest.raises(JudgeError, match=f"takes {most} tokens, .* answer has {most + 1}; give 1"):
        check_runs(settings, str)
    check_runs(replace(settings, max_prompt_tokens=most - 1), str)
