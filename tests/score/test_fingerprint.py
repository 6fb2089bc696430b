"""What makes two runs the same judge's, and what does not."""

import dataclasses

import pytest

from rm_ray.config import InputConfig
from rm_ray.engines.keys import EngineConfig
from rm_ray.judges.families import build_judge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.run.output.run_json import fingerprint_id, version_changes
from rm_ray.score.fingerprint import fingerprint
from tests.conftest import TINY_JUDGE, engine_settings, tiny_model


def of(judge=None, inputs=None, engine=None, **model):
    settings = engine_settings("vllm")
    settings = dataclasses.replace(
        settings,
        model=dataclasses.replace(settings.model, **model),
        config=EngineConfig(dtype="float32", **(engine or {})),
    )
    inputs = InputConfig(path="p", **(inputs or {}))
    halves = build_judge(
        PreferenceConfig(model=str(TINY_JUDGE), **(judge or {})), inputs, tiny_model()
    )
    return fingerprint(*halves, settings, inputs)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"judge": {"context_tokens": 512}}, "judge.context_tokens"),
        ({"judge": {"hop_tokens": 64}}, "judge.hop_tokens"),
        ({"judge": {"chunk_tokens": 32}}, "judge.chunk_tokens"),
        ({"judge": {"prompt": "text"}}, "judge.prompt"),
        ({"judge": {"chosen": "C"}}, "label_ids"),
        ({"judge": {"after_chunk": "\n?"}}, "judge.after_chunk"),
        ({"judge": {"judge_first_chunk": False}}, "judge.judge_first_chunk"),
        ({"judge": {"judge_partial_chunk": True}}, "judge.judge_partial_chunk"),
        ({"inputs": {"text": "body"}}, "input.text"),
        ({"inputs": {"keep": ["lang"]}}, "input.keep"),
        ({"inputs": {"sample_fraction": 0.5}}, "input.sample_fraction"),
        ({"engine": {"quantization": "fp8"}}, "engine.quantization"),
        ({"identity": "sha256:other"}, "model"),
    ],
)
def test_what_a_reward_depends_on_changes_it(changes, key):
    one, other = of(), of(**changes)
    assert one[key] != other[key] and fingerprint_id(one) != fingerprint_id(other)


@pytest.mark.parametrize(
    "changes",
    [{"engine": {"max_batch_tokens": 999}}, {"name": "/moved/elsewhere"},
     {"inputs": {"sample_seed": 3}}, {"inputs": {"limit": 5}}],
)  # fmt: skip
def test_what_a_reward_does_not_depend_on_leaves_it(changes):
    assert fingerprint_id(of()) == fingerprint_id(of(**changes))


def test_version_changes_are_named():
    assert version_changes({"ray": "1", "torch": "2"}, {"ray": "1", "torch": "3", "x": "4"}) == [
        "torch 2 -> 3",
        "x absent -> 4",
    ]
