"""How much of a prefix is shared: by hand, and beside what vLLM really forwards."""

import gc
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import transformers

from rm_ray.engines.engine import EngineSettings, answer_all
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.sharing import (
    Asked,
    SharesAll,
    SharesNothing,
    SharesStates,
    SharesSteps,
    sharing_of,
)
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from tests import checkpoints
from tests.conftest import engine_settings, tiny_judge

LENGTHS = (64, 900, 3000, 130)
SHAPE = checkpoints.LLAMA | {"max_position_embeddings": 4096, "pad_token_id": 0}
# model class, its own settings, and what vLLM shares, with blocks of 64
MODELS = {
    "sliding": ("MistralForCausalLM", {"sliding_window": 64}, SharesAll()),
    "mixed": (
        "Gemma2ForCausalLM", {"sliding_window": 64, "tie_word_embeddings": True},
        SharesAll(),
    ),
    "of different sizes": (
        "Gemma4ForCausalLM",
        {
            "sliding_window": 256, "global_head_dim": 64, "num_kv_shared_layers": 0,
            "hidden_size_per_layer_input": 0, "tie_word_embeddings": True,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        SharesSteps(128, ""),
    ),
}  # fmt: skip


def settings_of(folder, judge):
    config = EngineConfig(
        name="vllm", dtype="float32", max_batch_tokens=2048, max_batch_windows=32, kv_cache_gb=0.25
    )
    return EngineSettings(
        config=config, model=resolve_model(str(folder), None), read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens + 1, block_size=64, gpus=0, threads=1,
    )  # fmt: skip


def judges():
    """All chunks, with hops; a BOS before each prompt; a third of the chunks."""
    _, judge = tiny_judge(hop_tokens=512)
    _, some = tiny_judge(hop_tokens=512, chunks="every:3")
    return [judge, replace(judge, bos=(300,)), some]


def forwarded(engine, judge, documents):
    before = engine.counts.forwarded_tokens
    prompts = (
        prompt
        for ids in documents
        for look in judge.looks(ids)
        for prompt in judge.prompts(ids, look)
    )
    answer_all(engine, prompts)
    return engine.counts.forwarded_tokens - before


def predicted(sharing, judge, documents):
    return sum(
        sharing.forwarded(judge.asked(ids), judge.estimate(ids).minimum_tokens) for ids in documents
    )


def documents(seed):
    rng = random.Random(seed)
    return [
        np.array([rng.randrange(310, 1000) for _ in range(length)], np.int32) for length in LENGTHS
    ]


@pytest.mark.vllm
@pytest.mark.parametrize("kind", MODELS)
def test_vllm_forwards_what_is_predicted(tmp_path, kind):
    architecture, own, expected = MODELS[kind]
    checkpoints.byte_level(tmp_path)
    model_class = getattr(transformers, architecture)
    model_class(model_class.config_class(**SHAPE | own)).float().save_pretrained(tmp_path)
    settings = settings_of(tmp_path, judges()[0])
    sharing = sharing_of(settings)
    assert replace(sharing, reason="") == expected
    os.environ.update(settings.environment())
    engine = start_engine(settings)
    more = []
    for seed, judge in enumerate(judges()):
        docs = documents(seed)
        found, minimum = forwarded(engine, judge, docs), predicted(SharesAll(), judge, docs)
        assert found == predicted(sharing, judge, docs)
        more.append(found / minimum)
    assert bool(sharing.reason) == (max(more) > 1.1) and engine.counts.preemptions == 0
    del engine
    gc.collect()


def test_full_attention_shares_all_and_transformers_nothing(vllm_engine, transformers_engine):
    judge, docs = tiny_judge()[1], documents(7)
    shares = sharing_of(engine_settings("vllm"))
    assert shares == SharesAll() and not shares.reason
    assert forwarded(vllm_engine, judge, docs) == predicted(shares, judge, docs)
    nothing = sharing_of(engine_settings("transformers"))
    assert isinstance(nothing, SharesNothing)
    short = docs[::3]
    assert forwarded(transformers_engine, judge, short) == predicted(nothing, judge, short)


# Chunks and blocks of 4 tokens, markers of 2.
GROWING = [Asked(0, 4 * chunk, 4 * chunk + 6) for chunk in range(4)]
HOPPED = [Asked(0, 0, 6), Asked(4, 8, 14), Asked(4, 12, 18)]


@pytest.mark.parametrize(
    ("sharing", "asked", "tokens"),
    [
        (SharesSteps(4, ""), GROWING, 6 + 10 + 10 + 10),
        # the third prompt begins with 4 known tokens, and goes on at 8 or at none
        (SharesSteps(8, ""), GROWING, 6 + 10 + 14 + 10),
        (SharesSteps(4, ""), HOPPED, 6 + 14 + 10),
        # the third prompt could go on at 4; that state is kept by then, and the fourth has it
        (SharesStates(4, ""), GROWING, 6 + 10 + 14 + 14),
        (SharesStates(4, ""), HOPPED, 6 + 14 + 18),
        # the last block before the end is of the shared text
        (SharesStates(4, ""), [Asked(0, 8, 10), Asked(0, 8, 10)], 10 + 2),
    ],
)
def test_what_is_shared_by_hand(sharing, asked, tokens):
    assert sharing.forwarded(asked, minimum=0) == tokens


SLIDING, FULL = "sliding_attention", "full_attention"
# the first layer has keys of 8 * 256 numbers, the second of 2 * 512: half as many
DIFFERENT = {
    "sliding_window": 512, "layer_types": [SLIDING, FULL], "num_key_value_heads": 8,
    "head_dim": 256, "per_layer_config": {"01": {"head_dim": 512, "num_key_value_heads": 2}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"sliding_window": None}, SharesAll()),
        ({"sliding_window": 4096}, SharesAll()),
        ({"sliding_window": 4096, "layer_types": [SLIDING, SLIDING]}, SharesAll()),
        ({"sliding_window": 512, "layer_types": [SLIDING, FULL]}, SharesAll()),
        ({"text_config": DIFFERENT}, SharesSteps(128, "")),
        (DIFFERENT, SharesSteps(128, "")),
        (DIFFERENT | {"sliding_window": None}, SharesAll()),
        (DIFFERENT | {"layer_types": [FULL, FULL]}, SharesAll()),
        (DIFFERENT | {"num_key_value_heads": 4}, SharesAll()),
        (DIFFERENT | {"num_key_value_heads": 3}, SharesAll()),
        ({"attention_chunk_size": 64, "layer_types": ["chunked_attention", FULL]}, SharesAll()),
        (
            {"layer_types": ["linear_attention", FULL], "num_attention_heads": 2},
            SharesStates(64, ""),
        ),
        ({"mamba_d_state": 16, "num_attention_heads": 2}, SharesStates(64, "")),
    ],
)
def test_a_configuration_tells_what_is_shared(config, expected):
    settings = engine_settings("vllm")
    found = sharing_of(replace(settings, model=replace(settings.model, config=config)))
    assert replace(found, reason="") == expected
    assert bool(found.reason) == (expected != SharesAll())


def test_a_model_without_attention_shares_nothing():
    settings = engine_settings("vllm")
    model = replace(settings.model, config={"model_type": "mamba", "state_size": 16})
    assert isinstance(sharing_of(replace(settings, model=model)), SharesNothing)
