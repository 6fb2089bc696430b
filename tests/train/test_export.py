import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open

from rm_ray.engines.heads import ENCODERS
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.pairs.table import VALIDATION
from rm_ray.train.card import judge_yaml, trained_judge
from rm_ray.train.checkpoints import Checkpoints
from rm_ray.train.export import export, last_layer
from rm_ray.train.loop import train
from rm_ray.train.verify import rewards_of, settings_of, tolerance_of
from tests.conftest import TINY_JUDGE
from tests.engines.tiny_models import tiny
from tests.train.tasks import task

pytestmark = pytest.mark.vllm


@pytest.fixture
def tied_model(tmp_path):
    """The tiny judge's body, whose head is its embedding."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(TINY_JUDGE)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(tmp_path / "tied")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_JUDGE / name, tmp_path / "tied" / name)
    with safe_open(tmp_path / "tied" / "model.safetensors", framework="np") as weights:
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118
    return tmp_path / "tied"


@pytest.mark.parametrize("architecture", [*ENCODERS, "Qwen2ForSequenceClassification"])
def test_rewards_are_scaled_by_the_last_layer_of_every_kind_of_head(tmp_path, architecture):
    model = tiny(architecture, tmp_path)
    ids = torch.tensor([[1, 7, 20, 33, 9]])
    with torch.no_grad():
        before = model(ids).logits
        for parameter in last_layer(model).parameters():
            parameter.mul_(2.5)
        assert torch.allclose(model(ids).logits, 2.5 * before, atol=1e-5)


def test_judge_yaml_has_no_store_of_the_model_that_training_began_with():
    judge = {"model": "s3://models/qwen", "storage": {"endpoint_url": "http://minio:9000"}}
    assert "storage" not in trained_judge(PreferenceConfig(**judge), "s3://trained/judge")


@pytest.mark.parametrize(
    "changes",
    [
        {"lora": {"rank": 4, "dropout": 0.1}},
        {"precision": "bfloat16", "lora": {"rank": 4}},
        {"language_weight": 0.5},
    ],
    ids=["LoRA", "LoRA in bfloat16", "whole head"],
)
def test_the_judge_that_is_written_is_the_judge_that_was_trained(
    pairs, tied_model, tmp_path, changes
):
    keys = {"steps": 2, "batch_windows": 8, "schedule": {"learning_rate": 1e-2}, **changes}
    one = task(pairs, tmp_path / "out", judge={"model": str(tied_model)}, train=keys)
    train(one)
    export(one, Checkpoints(one.output, 2).last())
    judge = tmp_path / "out" / "judge"
    with safe_open(judge / "model.safetensors", framework="pt") as weights:
        head = weights.get_tensor("lm_head.weight")
        assert str(head.dtype) == f"torch.{one.config.train.precision}"
    assert head.float().abs().sum(dim=1).nonzero().flatten().tolist() == [32, 33]
    assert json.loads((judge / "config.json").read_text())["tie_word_embeddings"] is False
    section = type(one.config.judge)(**trained_judge(one.config.judge, str(judge)))
    told = json.loads((tmp_path / "out/_rm_ray/trained.json").read_text())
    validation = one.source.load(VALIDATION, one.config)
    prompts = [prompt for number in told["numbers"] for prompt in validation.prompts(number)]
    found = rewards_of(settings_of(one.config, section, "transformers"), prompts)
    assert np.abs(np.array(found) - told["rewards"]).max() < tolerance_of(one.config)
    assert np.std(told["rewards"]) > 0.01
    assert f"dtype: {one.config.train.precision}" in judge_yaml({}, one.config.train.precision)
