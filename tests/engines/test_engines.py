"""The real engines on the tiny judge: same numbers, right order, nothing forwarded twice."""

import random
from dataclasses import replace

import numpy as np
import pytest

from rm_ray.engines.engine import answer_all, choose_block_size
from rm_ray.engines.keys import EngineConfig
from rm_ray.errors import ConfigError, JudgeError
from tests.conftest import engine_settings, tiny_judge

TOLERANCE = 1e-3  # of a log ratio in float32


@pytest.fixture(scope="module")
def judge():
    return tiny_judge()[1]


def documents(seed, lengths):
    rng = random.Random(seed)
    return [[rng.randrange(256, 1000) for _ in range(length)] for length in lengths]


def rewards(engine, judge, docs):
    answers = answer_all(engine, (prompt for ids in docs for prompt in judge.prompts(ids)))
    return np.array([judge.chunk_reward(answer) for answer in answers])


def test_both_engines_agree(vllm_engine, transformers_engine, judge):
    docs = documents(1, [64, 200, 1400, 65])
    ours, reference = (rewards(e, judge, docs) for e in (vllm_engine, transformers_engine))
    assert len(ours) == 1 + 3 + 21 + 1
    assert np.abs(ours - reference).max() < TOLERANCE


def test_order_and_neighbours_do_not_change_a_reward(vllm_engine, judge):
    docs = documents(2, [300, 640, 128, 900, 64])
    together = rewards(vllm_engine, judge, docs)
    backwards = [rewards(vllm_engine, judge, [ids]) for ids in reversed(docs)]
    assert np.abs(together - np.concatenate(backwards[::-1])).max() < TOLERANCE


@pytest.mark.parametrize("length", [1024, 4096, 16384])
def test_forwarded_tokens_are_the_exact_minimum(vllm_engine, judge, length):
    (ids,) = documents(length, [length])
    before = replace(vllm_engine.counts)
    rewards(vllm_engine, judge, [ids])
    forwarded = vllm_engine.counts.forwarded_tokens - before.forwarded_tokens
    assert forwarded <= 1.005 * judge.exact_minimum(length)
    assert vllm_engine.counts.preemptions == before.preemptions


def test_every_window_pays_for_its_bos(vllm_engine, judge):
    """Blocks are whole: a BOS moves a context's last token into one that no other window has."""
    (ids,) = documents(5, [1024])
    with_bos = replace(judge, bos=(7,))
    before = vllm_engine.counts.forwarded_tokens
    rewards(vllm_engine, with_bos, [ids])
    forwarded = vllm_engine.counts.forwarded_tokens - before
    assert forwarded == with_bos.exact_minimum(1024) == judge.exact_minimum(1024) + 16


def test_preempted_windows_are_counted_and_what_they_forward_twice_too(vllm_engine, judge):
    docs = documents(7, [1000, 1000, 1000])
    calm = rewards(vllm_engine, judge, docs)
    vllm_engine._engine.reset_prefix_cache()
    before = replace(vllm_engine.counts)
    prompts = [prompt for ids in docs for prompt in judge.prompts(ids)]
    answers = {}
    for key, prompt in enumerate(prompts):
        vllm_engine.add(key, prompt)
    while len(answers) < len(prompts):
        answers |= vllm_engine.step()
        if len(answers) < 20:
            # vLLM's own way of throwing running windows out of the cache
            vllm_engine._engine.reset_prefix_cache(reset_running_requests=True)
    disturbed = [judge.chunk_reward(answers[key]) for key in range(len(prompts))]
    assert vllm_engine.counts.preemptions > before.preemptions
    minimum = sum(judge.exact_minimum(len(ids)) for ids in docs)
    assert vllm_engine.counts.forwarded_tokens - before.forwarded_tokens > minimum
    assert np.abs(np.array(disturbed) - calm).max() < TOLERANCE


def test_prompts_are_made_only_as_the_engine_has_room(vllm_engine, judge):
    made = 0

    def counting():
        nonlocal made
        for ids in documents(4, [64] * 500):
            made += 1
            yield from judge.prompts(ids)

    source = enumerate(counting())
    while vllm_engine.has_room:
        vllm_engine.add(*next(source))
    assert made == 2 * 32
    answered = vllm_engine.step()
    assert 0 < len(answered) <= 32 and vllm_engine.has_room
    while len(answered) < made:
        answered += vllm_engine.step()
    assert sorted(key for key, _ in answered) == list(range(made))


def test_no_request_has_the_name_of_one_before_it(vllm_engine, judge, monkeypatch):
    core, names = vllm_engine._core, []
    add = core.add_request
    monkeypatch.setattr(
        core, "add_request", lambda request: (names.append(request.request_id), add(request))
    )
    (ids,) = documents(6, [640])
    for _ in range(2):
        rewards(vllm_engine, judge, [ids])
    assert len(names) == len(set(names)) == 20


def test_no_prompts_give_no_answers(vllm_engine):
    assert answer_all(vllm_engine, []) == []


@pytest.mark.parametrize(
    ("shared", "on_gpu", "size"),
    [(64, False, 64), (48, True, 48), (1, False, 32), (1, True, 16)],
)
def test_the_block_divides_the_chunk_where_prompts_share_chunks(shared, on_gpu, size):
    assert choose_block_size(EngineConfig(), shared, on_gpu=on_gpu) == size


@pytest.mark.parametrize(
    ("chunk", "block", "on_gpu", "message"),
    [
        (48, None, False, "multiples of 32: none divides the chunk"),
        (10, None, True, "multiples of 16: none divides the chunk"),
        (64, 128, False, "must divide judge.chunk_tokens"),
        (64, 16, False, "be a multiple of 32 on CPU"),
        (1, 16, False, "engine.block_size is 16; it must be a multiple of 32 on CPU"),
    ],
)
def test_a_block_that_fits_nothing_is_refused(chunk, block, on_gpu, message):
    with pytest.raises(ConfigError, match=message):
        choose_block_size(EngineConfig(block_size=block), chunk, on_gpu=on_gpu)


def test_float32_on_gpus_is_not_rounded_to_tf32():
    on_gpu = replace(engine_settings("vllm"), gpus=1)
    bf16 = replace(on_gpu, config=EngineConfig(dtype="bfloat16"))
    assert on_gpu.environment()["TRITON_F32_DEFAULT"] == "ieee"
    assert "TRITON_F32_DEFAULT" not in bf16.environment()


def test_blocks_of_another_size_than_asked_for_are_refused(vllm_engine):
    """As vLLM makes them for hybrid models: windows would be told apart where they differ."""
    with pytest.raises(JudgeError, match="prefix-cache blocks of 64 tokens, not 32"):
        vllm_engine._check_blocks(32)
