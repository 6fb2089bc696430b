"""What engines read from classifiers and from QRM, beside plain transformers and NumPy."""

import gc
import os
import random

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file
from transformers import (
    AutoModelForSequenceClassification,
    LlamaForSequenceClassification,
    LlamaModel,
)

from rm_ray.engines.engine import EngineSettings, answer_all
from rm_ray.engines.heads import CAUSAL, ENCODERS, check_engine_runs, class_labels
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.read_outs import ClassLogits, LabelLogits, QuantileHeads
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from tests import checkpoints

LENGTHS = (5, 63, 64, 17, 128, 1, 100, 32)
# checkpoint, labels, longest prompt, token ids from and to
CLASSIFIERS = {
    "gpt2": (checkpoints.gpt2, 2, 128, 0, 1000),
    "bert": (checkpoints.bert, 1, 128, 5, 200),
    "llama": (checkpoints.llama, 1, 128, 0, 1000),
    "qwen2": (checkpoints.qwen2, 3, 128, 0, 1000),
    "qwen3": (checkpoints.qwen3, 1, 128, 0, 1000),
}


def engine_of(name, folder, read_out, longest, **changes):
    config = EngineConfig(**{
        "name": name, "dtype": "float32", "max_batch_tokens": 256, "max_batch_windows": 4,
        "kv_cache_gb": 0.05, **changes,
    })  # fmt: skip
    settings = EngineSettings(
        config=config, model=resolve_model(str(folder), None, trust_remote_code=True),
        read_out=read_out, max_prompt_tokens=longest, block_size=32, gpus=0, threads=2,
    )  # fmt: skip
    os.environ.update(settings.environment())
    return start_engine(settings)


def some_prompts(first, stop, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(first, stop, length).astype(np.int32) for length in LENGTHS]


@pytest.mark.parametrize("name", ["transformers", "vllm"])
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_class_logits_are_those_of_transformers_alone(tmp_path, name, kind):
    make, labels, longest, first, stop = CLASSIFIERS[kind]
    make(tmp_path, labels=labels)
    prompts = some_prompts(first, stop)
    engine = engine_of(name, tmp_path, ClassLogits(labels), longest)
    found = check_neighbours(engine, prompts)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        expected = np.stack([
            model(torch.from_numpy(one)[None].long()).logits[0].numpy() for one in prompts
        ])  # fmt: skip
    assert found.shape == (len(prompts), labels)
    assert np.abs(found - expected).max() < (1e-3 if name == "vllm" else 1e-4)
    assert np.abs(expected).max() > 0.05 and np.std(expected, axis=0).min() > 1e-3
    assert engine.counts.forwarded_tokens == 3 * sum(LENGTHS)
    del engine
    gc.collect()


def test_logits_below_zero_and_above_one_survive_in_vllm(tmp_path):
    """A sigmoid, which is vLLM's default for one label, would keep them between."""
    checkpoints.bert(tmp_path, problem_type="regression")
    weights = load_file(tmp_path / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"] * 100
    from safetensors.numpy import save_file

    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = np.stack(answer_all(
        engine_of("vllm", tmp_path, ClassLogits(1), 128), some_prompts(5, 200)
    ))  # fmt: skip
    assert found.min() < 0 and found.max() > 1


def test_online_quantisation_leaves_the_head_in_float32(tmp_path):
    checkpoints.llama(tmp_path)
    engine = engine_of("vllm", tmp_path, ClassLogits(1), 128,
                       dtype="bfloat16", quantization="fp8_per_channel")  # fmt: skip
    worker = engine._core.engine_core.model_executor.driver_worker.worker
    model = worker.model_runner.model
    assert model.model.layers[0].mlp.down_proj.weight.dtype == torch.float8_e4m3fn
    assert model.score.weight.dtype == torch.float32
    del engine, worker, model
    gc.collect()


@pytest.mark.parametrize("name", ["transformers", "vllm"])
def test_a_pairs_halves_are_told_apart_where_asked(tmp_path, name):
    checkpoints.bert(tmp_path)
    rng = np.random.default_rng(1)
    halves = [(rng.integers(5, 200, a), rng.integers(5, 200, b)) for a, b in ((4, 9), (20, 3))]
    prompts = [np.concatenate([[2], a, [3], b, [3]]).astype(np.int32) for a, b in halves]
    found = np.stack(answer_all(engine_of(name, tmp_path, ClassLogits(1, 3), 128), prompts))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    types = [[0] * (len(a) + 2) + [1] * (len(b) + 1) for a, b in halves]
    with torch.no_grad():
        with_types, without = (
            np.stack([
                model(torch.from_numpy(one)[None].long(), **more(i)).logits[0].numpy()
                for i, one in enumerate(prompts)
            ])
            for more in (lambda i: {"token_type_ids": torch.tensor([types[i]])}, lambda _: {})
        )  # fmt: skip
    assert np.abs(found - with_types).max() < 1e-4 < np.abs(found - without).max()


def test_the_checkpoints_own_code_gives_the_score(tmp_path):
    checkpoints.reward_model(tmp_path)
    prompts = some_prompts(5, 200)
    engine = engine_of("transformers", tmp_path, ClassLogits(1, own_code=True), 128)
    found = np.stack(answer_all(engine, prompts))
    weights = load_file(tmp_path / "model.safetensors")
    from transformers import BertConfig, BertModel

    base = BertModel(BertConfig.from_pretrained(tmp_path)).eval()
    base.load_state_dict({
        name.removeprefix("base."): torch.from_numpy(value)
        for name, value in weights.items() if name.startswith("base.")
    }, strict=False)  # fmt: skip
    for prompt, (score,) in zip(prompts, found, strict=True):
        with torch.no_grad():
            first = base(torch.from_numpy(prompt)[None].long()).last_hidden_state[0, 0].numpy()
        inner = np.tanh(weights["head.0.weight"] @ first + weights["head.0.bias"])
        expected = np.tanh(weights["head.2.weight"] @ inner + weights["head.2.bias"])
        assert score == pytest.approx(expected[0], abs=1e-4)


HEADER = (1024, 1022, 311, 328, 270, 796, 1023, 265)
HEADS = QuantileHeads(HEADER, 19, 19, 10.0, 32, 3)


def reference_quantiles(folder, prompt, gate_at):
    """Quantiles, attributes and score from the formulas, in NumPy."""
    weights = load_file(folder / "model.safetensors")
    model = LlamaModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = model(torch.from_numpy(prompt)[None].long()).last_hidden_state[0].numpy()
    r = (weights["regression_layer.weight"] @ hidden[-1]).reshape(19, 19)
    x = hidden[gate_at]
    for layer in range(3):
        x = np.maximum(weights[f"gating.layers.{3 * layer}.weight"] @ x, 0)
        norm = f"gating.layers.{3 * layer + 2}"
        x = (x - weights[f"{norm}.running_mean"]) / np.sqrt(weights[f"{norm}.running_var"] + 1e-5)
        x = x * weights[f"{norm}.weight"] + weights[f"{norm}.bias"]
    x = (weights["gating.layers.9.weight"] @ x + weights["gating.layers.9.bias"]) / 10
    gate = np.exp(x - x.max()) / np.exp(x - x.max()).sum() * weights["gating.logit_scale"]
    matrix = weights["reward_transform_matrix"]
    attributes = r.mean(axis=1) @ matrix
    quantiles = [float(gate @ (r[:, q] @ matrix)) for q in range(19)]
    return np.array([*quantiles, *attributes, float(gate @ attributes)])


def qrm_prompts():
    """Chats of many steps, of one, and whose wrap ends on a block of vLLM's, and beside it; the
    place of the gate in each.
    """
    rng = random.Random(3)
    wrap = 128 - len(HEADER)
    shapes = [(wrap, 40), (wrap - 1, 33), (wrap + 1, 7), (3, 600), (400, 200), (10, 10), (200, 1)]
    prompts, gates = [], []
    for before, after in shapes:
        user = [rng.randrange(1000) for _ in range(before)]
        said = [rng.randrange(1000) for _ in range(after)]
        # a header in an earlier turn moves nothing
        earlier = list(HEADER) if before > 130 else []
        prompts.append(np.array([*earlier, *user, *HEADER, *said, HEADER[0]], np.int32))
        gates.append(len(earlier) + before)
    return prompts, gates


def check_qrm(folder, prompts, gates, found, tolerance):
    expected = np.stack([
        reference_quantiles(folder, prompt, gate)
        for prompt, gate in zip(prompts, gates, strict=True)
    ])  # fmt: skip
    assert found.shape == (len(prompts), 39)
    assert np.abs(found - expected).max() < tolerance
    assert np.abs(found[:, :19].mean(axis=1) - found[:, 38]).max() < 1e-4
    assert np.std(expected[:, 38]) > 1e-3


@pytest.mark.parametrize(("name", "tolerance"), [("transformers", 1e-4), ("vllm", 1e-3)])
def test_qrms_numbers_are_those_of_its_formulas(tmp_path, name, tolerance):
    checkpoints.quantile(tmp_path)
    prompts, gates = qrm_prompts()
    engine = engine_of(name, tmp_path, HEADS, 700, max_batch_tokens=96)
    found = np.stack(answer_all(engine, prompts))
    check_qrm(tmp_path, prompts, gates, found, tolerance)


def test_a_request_that_is_preempted_keeps_no_gate_of_its_first_try(tmp_path):
    checkpoints.quantile(tmp_path)
    prompts, gates = qrm_prompts()
    engine = engine_of("vllm", tmp_path, HEADS, 700, max_batch_tokens=96)
    for key, prompt in enumerate(prompts):
        engine.add(key, prompt)
    found = dict(engine.step())
    for _ in range(8):
        found |= dict(engine.step())
        engine._core.engine_core.scheduler.reset_prefix_cache(reset_running_requests=True)
        found |= dict(engine.step())
    while len(found) < len(prompts):
        found |= dict(engine.step())
    assert engine.counts.forwarded_tokens > sum(map(len, prompts))
    check_qrm(tmp_path, prompts, gates, np.stack([found[i] for i in range(len(prompts))]), 1e-3)


SHAPE = {
    "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 128, "max_position_embeddings": 160, "num_labels": 2, "pad_token_id": 0,
    "num_key_value_heads": 1, "head_dim": 32, "bos_token_id": 1, "eos_token_id": 2,
    "cls_token_id": 1, "sep_token_id": 2,
}  # fmt: skip
MANY = {
    "moe_intermediate_size": 32, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2,
    "shared_expert_intermediate_size": 32,
}  # fmt: skip
LATENT = {
    "q_lora_rank": 32, "kv_lora_rank": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16,
    "v_head_dim": 32, "num_key_value_heads": 2, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "n_group": 2, "topk_group": 1, "moe_intermediate_size": 32, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "head_dim": 16,
}  # fmt: skip
WITH_PICTURES = {
    "text_config": SHAPE, "mm_tokens_per_image": 4, "num_labels": 2, "pad_token_id": 0,
    "vision_config": {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 56, "patch_size": 14,
    },
}  # fmt: skip
# What a tiny model of an architecture needs besides.
MORE = {
    "DistilBert": {"dim": 64, "n_layers": 2, "n_heads": 2, "hidden_dim": 128},
    "DeepseekV2": LATENT | {"topk_method": "greedy"},
    "DeepseekV3": LATENT,
    "DiffLlama": {"num_key_value_heads": 2},
    "GPTJ": {"rotary_dim": 16},
    "GPTNeo": {"attention_types": [[["global", "local"], 1]]},
    "GptOss": {"num_local_experts": 2, "num_experts_per_tok": 1},
    "Jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
              "expert_layer_offset": 1, "num_experts": 2, "use_mamba_kernels": False},
    "MiniCPM3": LATENT | {"head_dim": 32},
    "OPT": {"ffn_dim": 128, "word_embed_proj_dim": 64},
    "Phimoe": {"num_local_experts": 4},
    "Qwen2Moe": MANY,
    "Qwen3Moe": MANY,
}  # fmt: skip
# ... and whose whole shape is another.
ALONE = {
    "Falcon": {key: value for key, value in SHAPE.items() if key != "head_dim"},
    "GPT2": {
        "vocab_size": 300, "num_labels": 2, "pad_token_id": 0, "n_embd": 64, "n_layer": 2,
        "n_head": 2,
    },
    "Gemma3": WITH_PICTURES,
}  # fmt: skip


def tiny(architecture, folder, **keys):
    """A tiny classifier of an architecture, in a folder and here."""
    name = architecture.removesuffix("ForSequenceClassification")
    kind = getattr(transformers, architecture)
    shape = ALONE.get(name) or SHAPE | MORE.get(name, {}) | keys
    model = checkpoints.seeded(kind, kind.config_class(**shape))
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("architecture", [*CAUSAL, *ENCODERS])
def test_every_known_head_is_read_as_transformers_reads_it(tmp_path, architecture):
    """Each prompt as transformers reads it alone, whatever stands beside it."""
    model = tiny(architecture, tmp_path)
    assert class_labels(resolve_model(str(tmp_path), None)) == 2
    prompts = some_prompts(5, 300)
    expected = alone(model, prompts)
    engine = engine_of("transformers", tmp_path, ClassLogits(2), 128)
    assert np.abs(check_neighbours(engine, prompts) - expected).max() < 1e-4
    assert np.abs(expected).max() > 0.01


@pytest.mark.parametrize("name", ["GPT2", "Llama", "Gemma2", "Bert", "ModernBert"])
def test_in_bf16_bodies_are_rounded_and_heads_are_not(tmp_path, name):
    model = tiny(f"{name}ForSequenceClassification", tmp_path)
    prompts = some_prompts(5, 300)
    engine = engine_of("transformers", tmp_path, ClassLogits(2), 128, dtype="bfloat16")
    apart = np.abs(np.stack(answer_all(engine, prompts)) - alone(model, prompts)).max()
    assert 1e-5 < apart < 0.1


def check_neighbours(engine, prompts):
    """Ask prompts alone, together and backwards: the numbers, which are the same."""
    found = np.stack([answer_all(engine, [prompt])[0] for prompt in prompts])
    together = np.stack(answer_all(engine, prompts))
    backwards = np.stack(answer_all(engine, prompts[::-1]))[::-1]
    assert np.abs(together - found).max() < 1e-5 and np.abs(backwards - found).max() < 1e-5
    return found


def alone(model, prompts):
    """What transformers makes of each prompt by itself."""
    with torch.no_grad():
        return np.stack([
            model(torch.from_numpy(one)[None].long(), attention_mask=torch.ones(1, len(one)))
            .logits[0].numpy()
            for one in prompts
        ])  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "keys"),
    [
        ("Phi3ForSequenceClassification", {}),
        ("Gemma2ForSequenceClassification", {"sliding_window": 64}),
        ("LlamaForSequenceClassification", {"is_causal": False}),
    ],
)
def test_vllm_gives_the_numbers_of_transformers(tmp_path, architecture, keys):
    """Also where a prompt is longer than a step and has to be seen at once."""
    model = tiny(architecture, tmp_path, **keys)
    check_engine_runs(ClassLogits(2), resolve_model(str(tmp_path), None), "vllm")
    prompts = some_prompts(5, 300)
    engine = engine_of("vllm", tmp_path, ClassLogits(2), 128, max_batch_tokens=64)
    found = check_neighbours(engine, prompts)
    expected = alone(model, prompts)
    assert np.abs(found - expected).max() < 1e-3 < np.abs(expected).max() / 100
    del engine
    gc.collect()


def test_in_bf16_a_rotary_embedding_keeps_its_frequencies(tmp_path):
    """As transformers does: only parameters are rounded. The head is not."""
    rope = {"rope_type": "default", "rope_theta": 5e5}
    far = {"max_position_embeddings": 2048, "rope_parameters": rope}
    config = LlamaForSequenceClassification.config_class(**SHAPE | far)
    model = checkpoints.seeded(LlamaForSequenceClassification, config)
    model.save_pretrained(tmp_path)
    prompt = np.random.default_rng(0).integers(5, 300, 2048).astype(np.int32)
    engine = engine_of("transformers", tmp_path, ClassLogits(2), 2048, dtype="bfloat16")
    (found,) = answer_all(engine, [prompt])
    body = LlamaModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    with torch.no_grad():
        last = body(torch.from_numpy(prompt)[None].long()).last_hidden_state[0, -1]
        expected = model.score(last.float()).numpy()
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("architecture", "keys"),
    [
        ("PhiForCausalLM", {}),
        ("Gemma2ForCausalLM", {"final_logit_softcapping": 0.5}),
        ("CohereForCausalLM", {"logit_scale": 0.0625}),
        ("GraniteForCausalLM", {"logits_scaling": 8.0}),
    ],
)
def test_label_logits_are_what_the_model_makes_of_them(tmp_path, architecture, keys):
    """With a bias, a soft cap, and scales either way."""
    kind = getattr(transformers, architecture)
    model = checkpoints.seeded(kind, kind.config_class(**SHAPE | keys))
    if architecture == "PhiForCausalLM":
        torch.nn.init.normal_(model.lm_head.bias)
    model.save_pretrained(tmp_path)
    engine = engine_of("transformers", tmp_path, LabelLogits((32, 299)), 128)
    prompts = some_prompts(5, 300)
    found = np.stack(answer_all(engine, prompts))
    with torch.no_grad():
        expected = np.stack([
            model(torch.from_numpy(one)[None].long()).logits[0, -1, [32, 299]].numpy()
            for one in prompts
        ])  # fmt: skip
    assert np.abs(found - expected).max() < 1e-4 < np.abs(expected).max() / 100
