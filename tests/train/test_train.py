"""The job as a whole, on the session's cluster."""

import json
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.load import load_config
from rm_ray.config import PoolConfig
from rm_ray.run.output import lease
from rm_ray.run.output.lease import Lease
from rm_ray.score.config import ScoreConfig
from rm_ray.score.job import ScoreJob
from rm_ray.store.folder import Folder
from rm_ray.train.__main__ import main
from tests.conftest import TINY_JUDGE

pytestmark = [pytest.mark.vllm, pytest.mark.slow]


def options(pairs, output, **changes):
    keys = {
        "pairs.path": pairs, "output.path": output, "judge.model": TINY_JUDGE,
        "judge.context_tokens": 256, "train.objective": "pairs", "train.steps": 4,
        "train.batch_windows": 8, "train.schedule.learning_rate": "1e-4", "workers.gpus": 0,
        "workers.cpus": 1, "workers.count": 2, "checkpoints.every_steps": 2,
        "validation.every_steps": 2, "validation.pairs": 16, "verify.windows": 8,
        "verify.engines": "vllm",
    }  # fmt: skip
    keys |= {key.replace("_", ".", 1): value for key, value in changes.items()}
    return [word for key, value in keys.items() for word in (f"--{key}", str(value))]


def test_two_workers_make_a_judge_that_scoring_takes(ray_cluster, pairs, tmp_path, caplog):
    caplog.set_level("INFO")
    output = tmp_path / "out"
    assert main(options(pairs, output)) == 0, caplog.text
    assert "the engine agrees with the trainer: vllm " in caplog.text
    success = json.loads((output / "_SUCCESS").read_text())
    assert success["steps"] == 4 and 0 <= success["validation_accuracy"] <= 1
    lines = [json.loads(line) for line in (output / "metrics.jsonl").open()]
    assert [line["step"] for line in lines if "validation_accuracy" in line] == [2, 4]

    judge = output / "judge"
    with safe_open(judge / "model.safetensors", framework="np") as weights:
        head = weights.get_tensor("lm_head.weight")
    assert sorted(set(head.nonzero()[0].tolist())) == [32, 33]  # "A" and "B", no space before them
    keys = yaml.safe_load((judge / "judge.yaml").read_text())
    assert keys["model"] == str(judge) and keys["engine"] == {"dtype": "float32"}
    card = (judge / "README.md").read_text()
    assert "| Objective | pairs |" in card and "| validation accuracy |" in card
    assert (judge / "tokenizer.json").read_bytes() == (TINY_JUDGE / "tokenizer.json").read_bytes()

    assert main(options(pairs, output)) == 0
    assert "complete already" in caplog.text
    words = ["--judge", judge / "judge.yaml", "--input.path", "x", "--output.path", "y"]
    config = load_config(ScoreConfig, parse_arguments([*map(str, words), "--pool.gpus", "0"]))
    assert ScoreJob(config).judge.read_out.token_ids == (32, 33)


def test_a_second_driver_is_refused(pairs, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(lease, "_died_here", lambda owner: False)
    output = tmp_path / "out"
    with Lease(Folder(str(output / "_rm_ray"))):
        assert main(options(pairs, output)) == 2
    assert "another run is at work in this output folder" in caplog.text
    assert not (Path(output) / "checkpoints").exists()


def test_workers_that_are_lost_are_started_again_while_they_get_on(
    ray_cluster, pairs, tmp_path, monkeypatch
):
    from rm_ray.train import job
    from rm_ray.train.checkpoints import Checkpoints
    from tests.train.tasks import task

    one = task(pairs, tmp_path / "out")
    steps = iter([2, 4, 4, 4])  # two starts get on, and two from step 4 do not

    def lost(told, config):
        step = next(steps)
        written = tmp_path / f"checkpoint-{step}"
        written.mkdir(exist_ok=True)
        Checkpoints(one.output, 2).keep(written, step)
        raise job.WorkersLost("the training ended before its last step")

    monkeypatch.setattr(job, "fit", lost)
    with pytest.raises(job.WorkersLost):
        job._train_on(one, PoolConfig(gpus=0))
    assert next(steps, None) is None
