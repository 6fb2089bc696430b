"""A prompt's numbers never depend on what is judged beside it; classifiers: test_families."""

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification

from rm_ray.engines.config_parts import original_length
from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.read_outs import ClassLogits, LabelLogits
from rm_ray.engines.transformers_models import _load
from rm_ray.engines.weights import resolve_model
from tests import checkpoints
from tests.engines.small_engines import alone, check_neighbours, engine_of
from tests.engines.tiny_models import tiny

pytestmark = pytest.mark.vllm

ATOL = 1e-5  # in float32
SHORT, MIDDLE, LONG = 3, 40, 120


def three_prompts(first=5, stop=290):
    rng = np.random.default_rng(7)
    return [rng.integers(first, stop, n).astype(np.int32) for n in (MIDDLE, SHORT, LONG)]


def test_of_no_classifier_whose_attention_looks_both_ways(tmp_path):
    model = tiny("LlamaForSequenceClassification", tmp_path, is_causal=False)
    prompts = three_prompts()
    engine = engine_of("transformers", tmp_path, ClassLogits(2), 128)
    assert np.abs(check_neighbours(engine, prompts) - alone(model, prompts)).max() < ATOL


LANGUAGE_MODELS = {
    "LlamaForCausalLM": {},
    "LlamaForCausalLM that looks both ways": {"is_causal": False},
    "Phi3ForCausalLM": {
        "original_max_position_embeddings": 64,
        "rope_scaling": {"rope_type": "longrope", "short_factor": [1.0] * 16,
                         "long_factor": [4.0] * 16},
    },
    "Gemma2ForCausalLM": {"attn_logit_softcapping": 5.0, "sliding_window": 16},
    "BloomForCausalLM": {"n_layer": 2, "n_head": 2},
    "OPTForCausalLM": {"ffn_dim": 128, "word_embed_proj_dim": 64},
}  # fmt: skip


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_of_no_language_model(tmp_path, name):
    kind = getattr(transformers, name.split(" ")[0])
    shape = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 128, "head_dim": 32,
             "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
             "max_position_embeddings": 160, "pad_token_id": 0} | LANGUAGE_MODELS[name]  # fmt: skip
    if "Phi3" in name:
        del shape["head_dim"]
    checkpoints.seeded(kind, kind.config_class(**shape)).save_pretrained(tmp_path)
    model = kind.from_pretrained(tmp_path, attn_implementation="eager").eval()
    prompts = three_prompts()
    engine = engine_of("transformers", tmp_path, LabelLogits((32, 299)), 128)
    found = check_neighbours(engine, prompts)
    with torch.no_grad():
        right = np.stack([
            model(torch.from_numpy(one)[None].long()).logits[0, -1, [32, 299]] for one in prompts
        ])  # fmt: skip
    assert np.abs(found - right).max() < ATOL


def test_longrope_is_found_wherever_a_configuration_has_it():
    rope = {"rope_type": "longrope", "original_max_position_embeddings": 4096}
    assert original_length({"rope_parameters": rope}) == 4096
    assert original_length({"text_config": {"rope_parameters": {"full_attention": rope}}}) == 4096
    assert original_length({"rope_parameters": {"rope_type": "default"}}) is None


def test_a_soft_cap_of_attention_is_that_of_its_formula(tmp_path):
    """cap * tanh(scores / cap), of scores without rotation; as Gemma 2's paper has it."""
    cap = 2.0
    model = tiny("Gemma2ForSequenceClassification", tmp_path, attn_logit_softcapping=cap)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "q_proj" in name or "k_proj" in name:
                weights.mul_(8)  # so that the cap is reached
    model.save_pretrained(tmp_path)
    settings = EngineSettings(
        config=EngineConfig(name="transformers", dtype="float32"),
        model=resolve_model(str(tmp_path), None), read_out=ClassLogits(2), max_prompt_tokens=128,
        block_size=32, gpus=0, threads=1,
    )  # fmt: skip
    loaded = _load(AutoModelForSequenceClassification, settings)
    attention = loaded.model.layers[0].self_attn
    hidden = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1))
    still = torch.ones(1, 6, 32), torch.zeros(1, 6, 32)
    future = torch.full((6, 6), float("-inf")).triu(1)
    with torch.no_grad():
        found = attention(hidden, position_embeddings=still, attention_mask=future[None, None])[0]
        q = attention.q_proj(hidden).view(6, 2, 32).transpose(0, 1)
        k, v = (part(hidden).view(1, 6, 32) for part in (attention.k_proj, attention.v_proj))
        scores = q @ k.transpose(1, 2) * loaded.config.query_pre_attn_scalar**-0.5
        assert scores.abs().max() > 2 * cap
        capped = cap * torch.tanh(scores / cap) + future
        expected = attention.o_proj((capped.softmax(-1) @ v).transpose(0, 1).reshape(6, 64))
    assert (found[0] - expected).abs().max() < 1e-5
