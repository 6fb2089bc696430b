"""What engines read from classifiers and from QRM, beside plain transformers and NumPy."""

import gc
import json

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

from rm_ray.engines.engine import answer_all
from rm_ray.engines.heads import CAUSAL, ENCODERS, check_engine_runs, class_labels
from rm_ray.engines.read_outs import ClassLogits, LabelLogits
from rm_ray.engines.weights import resolve_model
from tests import checkpoints
from tests.engines.quantile_formulas import HEADS, check_qrm, qrm_prompts
from tests.engines.small_engines import LENGTHS, alone, check_neighbours, engine_of, some_prompts
from tests.engines.tiny_models import SHAPE, tiny

pytestmark = pytest.mark.vllm

# checkpoint, labels, longest prompt, token ids from and to
CLASSIFIERS = {
    "gpt2": (checkpoints.gpt2, 2, 128, 0, 1000),
    "bert": (checkpoints.bert, 1, 128, 5, 200),
    "llama": (checkpoints.llama, 1, 128, 0, 1000),
    "qwen2": (checkpoints.qwen2, 3, 128, 0, 1000),
    "qwen3": (checkpoints.qwen3, 1, 128, 0, 1000),
}


def lie_in_the_folder_of_an_embedding_model(folder):
    """Sentence Transformers' files, by which an embedding is the mean over all tokens."""
    kind = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{kind}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kind}.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.mark.parametrize("name", ["transformers", "vllm"])
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_class_logits_are_those_of_transformers_alone(tmp_path, name, kind):
    make, labels, longest, first, stop = CLASSIFIERS[kind]
    make(tmp_path, labels=labels)
    lie_in_the_folder_of_an_embedding_model(tmp_path)
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


@pytest.mark.parametrize(("read", "pad"), [("first", 0), ("last", 2), ("last", None)])
def test_the_checkpoints_own_code_gives_the_score(tmp_path, read, pad):
    """Each score is that of the prompt alone, also where the code looks for the padding token."""
    checkpoints.reward_model(tmp_path, read, pad)
    prompts = [*some_prompts(5, 200), *some_prompts(5, 200)]
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
            hidden = base(torch.from_numpy(prompt)[None].long()).last_hidden_state[0].numpy()
        token = hidden[0 if read == "first" else -1]
        inner = np.tanh(weights["head.0.weight"] @ token + weights["head.0.bias"])
        expected = np.tanh(weights["head.2.weight"] @ inner + weights["head.2.bias"])
        assert score == pytest.approx(expected[0], abs=1e-4)


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
