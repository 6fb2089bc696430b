import json
import os
from pathlib import Path

import accelerate.utils.environment
import pytest
import torch

from rm_ray.train.checkpoints import Checkpoints
from rm_ray.train.loop import train
from rm_ray.train.trainer import JudgeTrainer, LossIsNoNumber
from tests.train.tasks import task, weights


class Killed(BaseException):
    pass


def train_until(task, step, monkeypatch):
    """Train, and lose the process at the beginning of a step, as far as its files can tell."""

    def lost(self, *args, **more):
        if self.state.global_step == step:
            raise Killed
        return loss(self, *args, **more)

    loss = JudgeTrainer.compute_loss
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(JudgeTrainer, "compute_loss", lost)
        train(task)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": "pairs", "packed": True, "worker_windows": 4},
        {"from_scratch": True, "language_weight": 0.5},
        {"lora": {"rank": 4, "dropout": 0.1}},
    ],
    ids=["answer", "packed pairs", "from scratch", "LoRA"],
)
def test_goes_on_to_the_same_weights(pairs, tmp_path, monkeypatch, changes):
    keys = {"steps": 6, "batch_windows": 8, "schedule": {"learning_rate": 1e-3}, **changes}
    whole, broken = (task(pairs, tmp_path / name, train=keys) for name in ("whole", "broken"))
    train(whole)
    train_until(broken, 5, monkeypatch)
    assert [one.step for one in Checkpoints(broken.output, 2).listed()] == [2, 4]
    train_until(broken, 4, monkeypatch)  # at once, before it has done anything
    train(broken)
    assert weights(broken) == weights(whole)
    told = [
        [json.loads(line) for line in (Path(one.output.path) / "metrics.jsonl").open()]
        for one in (whole, broken)
    ]
    assert [line["step"] for line in told[1]] == [1, 2, 3, 4, 5, 6]
    for mine, other in zip(*told, strict=True):
        assert {**mine, "tokens_per_s": 0} == {**other, "tokens_per_s": 0}
    own = [json.loads((Path(one.output.path) / "_rm_ray/trained.json").read_text())
           for one in (whole, broken)]  # fmt: skip
    assert own[0]["rewards"] == own[1]["rewards"]
    assert own[0]["metrics"]["validation_loss"] == own[1]["metrics"]["validation_loss"]


def test_a_token_of_real_text_weighs_the_same_in_any_batch(pairs, tmp_path):
    """A broken context is no real text, so the batches of a step have unequal numbers of tokens."""
    keys = {"steps": 2, "batch_windows": 16, "language_weight": 2.0}
    told = []
    for held in (2, 16):
        one = task(pairs, tmp_path / str(held), train={**keys, "worker_windows": held})
        train(one)
        metrics = Path(one.output.path, "metrics.jsonl").read_text().splitlines()
        told.append([json.loads(line) for line in metrics])
    for mine, other in zip(*told, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert mine["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-3)


def test_other_threads_keep_the_environment(pairs, tmp_path, monkeypatch):
    one = task(pairs, tmp_path / "out", train={"steps": 1, "batch_windows": 4})
    deleted, unsetenv = [], os.unsetenv
    monkeypatch.setattr(os, "unsetenv", lambda name: [deleted.append(name), unsetenv(name)])
    train(one)
    assert b"PATH" not in deleted
    with accelerate.utils.environment.clear_environment():  # as it is without our training
        assert b"PATH" in deleted


def test_stops_at_a_loss_that_is_no_number(pairs, tmp_path, monkeypatch):
    one = task(pairs, tmp_path / "out")

    def broken(self, answers, inputs):
        losses = found(self, answers, inputs)
        if self.state.global_step == 4 and self.model.training:
            losses = losses * torch.tensor([1, float("nan"), 1, 1])
        return losses

    found = JudgeTrainer.losses_of
    monkeypatch.setattr(JudgeTrainer, "losses_of", broken)
    with pytest.raises(LossIsNoNumber) as caught:
        train(one)
    said = str(caught.value)
    assert said.startswith("the loss at step 5 is not a number, for 1 examples (source_file ")
    assert "the checkpoint of step 4 stays" in said
    assert caught.value.exit_status == 1
    assert Checkpoints(one.output, 2).last().step == 4
