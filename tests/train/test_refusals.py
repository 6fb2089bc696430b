"""What is refused before anything is trained: one sentence each."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch
from safetensors import safe_open

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.load import load_config
from rm_ray.errors import ClusterError, ConfigError, InputError, JudgeError, OutputError
from rm_ray.store.folder import Folder
from rm_ray.train import job
from rm_ray.train.__main__ import main
from rm_ray.train.config import TrainConfig
from rm_ray.train.data.order import batches
from rm_ray.train.data.pairs_source import split_column
from rm_ray.train.estimate import _measured, count_parameters, dry_run
from rm_ray.train.job import TrainingLook
from rm_ray.train.model import build
from rm_ray.train.start import check_vllm_runs
from tests.conftest import ROOT, TINY_JUDGE
from tests.train.tables import write_pairs
from tests.train.tasks import config

SLOW = {"ray", "torch", "transformers", "peft", "vllm"}


def refused(kind, pairs, output, **changes):
    with pytest.raises(kind) as caught:
        TrainingLook(config(pairs, output, **changes))
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_pairs_of_another_judge(pairs, tmp_path):
    out = tmp_path / "out"
    said = refused(InputError, pairs, out, judge={"chunk_tokens": 32, "context_tokens": 256})
    assert "were made with chunks of 64 tokens, and the judge has 32" in said
    other = tmp_path / "other"
    shutil.copytree(pairs, other)
    run = json.loads((other / "_rm_ray/run.json").read_text())
    run["fingerprint"]["tokenizer"] = "sha256:another"
    (other / "_rm_ray/run.json").write_text(json.dumps(run))
    assert "were made with another tokenizer" in refused(InputError, other, out)
    assert not out.exists()


def test_pairs_that_no_run_vouches_for_are_measured(pairs, tmp_path):
    tables = shutil.copytree(pairs / "pairs", tmp_path / "tables")
    look = TrainingLook(config(tables, tmp_path / "out", judge={"context_tokens": 64}))
    with pytest.raises(InputError, match="tokens, and the judge takes 64"):
        look.source.load("train", look.config)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"kind": "cosin"}, "train.schedule.kind"),
        ({"kind": "greedy"}, "train.schedule.kind"),
        ({"kind": "constant", "warmup_steps": 2}, "the schedule constant has no warm-up"),
        ({"betas": [0.9, 1.0]}, "train.schedule.betas.1"),
        ({"warmup_steps": 6}, "warmup_steps is 6, and the training has 6 steps"),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_meant(pairs, tmp_path, schedule, said):
    with pytest.raises((ConfigError, ValueError)) as caught:
        train = {"steps": 6, "batch_windows": 8, "schedule": schedule}
        TrainingLook(config(pairs, tmp_path / "out", train=train))
    assert said in str(caught.value)


def test_pairs_without_a_context_are_in_both_splits():
    table = pa.table(
        {
            "prompt": pa.array([""] * 500 + [None] * 500),
            "chosen": [f"the text {number}" for number in range(1000)],
            "split": pa.nulls(1000, pa.string()),
        }
    )
    found = Counter(split_column(table).to_pylist())
    assert found["validation"] == pytest.approx(50, abs=30)
    assert found["train"] == 1000 - found["validation"]


def test_a_label_that_is_not_one_token(pairs, tmp_path):
    said = refused(JudgeError, pairs, tmp_path / "out", judge={"chosen": "good!"})
    assert said.startswith("judge.chosen: the label 'good!' is ") and "not one" in said


def test_a_folder_of_another_job_or_of_other_settings(pairs, tmp_path):
    said = refused(OutputError, pairs, pairs)
    assert "holds the run of another job; give a new folder" in said
    look = TrainingLook(config(pairs, tmp_path / "out"))
    look.run.make_writable()
    look.run.create(job.new_run(look.fingerprint, look.config.model_dump(mode="json"), {}))
    TrainingLook(config(pairs, tmp_path / "out", log={"every_steps": 3}, checkpoints={"keep": 5}))
    said = refused(OutputError, pairs, tmp_path / "out", train={"objective": "pairs", "steps": 6})
    assert "train.objective is 'answer' there and 'pairs' here" in said


def test_no_pairs_in_a_split_or_too_few(pairs, tmp_path):
    said = refused(InputError, pairs, tmp_path / "out", train={"batch_windows": 4096})
    assert "do not fill one step of 2048; lower --train.batch_windows" in said
    few = write_pairs(tmp_path / "few", documents=1, per_document=8, seed=3)
    assert "there is no example in the split" in refused(InputError, few, tmp_path / "out")


def test_a_package_that_is_missing(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "find_spec", lambda name: None if name == "peft" else object())
    said = refused(ClusterError, pairs, tmp_path / "out")
    assert "needs the package peft" in said and "pip install 'rm_ray[train]'" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--train.objective", "rewards"], "learns from rewards: give --rewards.path"),
        (["--train.batch_windows", "6", "--workers.count", "2"], "must be a multiple of 2 windows"),
        (["--train.packed", "true", "--train.attention", "eager"], "packed windows need attention"),
        (["--judge.family", "classifier"], "give --train.objective rewards"),
        (["--train.from_scratch", "true", "--train.lora.rank", "4"], "begins without one"),
        (["--log.tensorboard", "s3://a/b"], "must be a local folder"),
        (["--workers.gpus", "2"], "a worker has one GPU, or none"),
    ],
)
def test_keys_that_do_not_fit_together(words, said, caplog):
    base = ["--pairs.path", "p", "--output.path", "o", "--judge.model", "m"]
    assert main([*base, *words]) == 2
    assert said in caplog.text


def test_a_tokenizer_with_more_tokens_than_the_model(pairs, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_JUDGE / name, model / name)
    described = json.loads((TINY_JUDGE / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**described, "vocab_size": 1000}))
    said = refused(
        JudgeError, pairs, tmp_path / "out", judge={"model": str(model)},
        train={"from_scratch": True, "steps": 6, "batch_windows": 8},
    )  # fmt: skip
    assert "has 1000 tokens (vocab_size in its config.json), and its tokenizer has 1024" in said


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"lora": {"rank": 4}}, {"lora": {"rank": 4, "targets": ["q_proj", "v_proj"]}},
        {"lora": {"rank": 4}, "language_weight": 0.5},
    ],
)  # fmt: skip
def test_as_many_parameters_learn_as_the_dry_run_counts(pairs, tmp_path, changes):
    train = {"steps": 6, "batch_windows": 8, **changes}
    look = TrainingLook(config(pairs, tmp_path / "out", train=train))
    model = build(look.task.shape, look.config.train, frozen_dtype=torch.float32)
    learning = sum(one.numel() for one in model.parameters() if one.requires_grad)
    own, told = count_parameters(look.start.config, look.config.train, labels=True)
    assert told == learning and (told == own) == (not changes)


def test_a_measured_speed_is_of_one_worker(tmp_path):
    lines = [
        {"step": 10, "tokens_per_s": 1e4, "workers": 1},
        {"step": 20, "tokens_per_s": 8e4, "workers": 8}, {"step": 21, "loss": 0.5},
    ]  # fmt: skip
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert _measured(SimpleNamespace(root=Folder(str(tmp_path)), stored=lambda: None)) == 1e4


def test_a_dry_run_reckons(pairs, tmp_path):
    asked = config(pairs, tmp_path / "out", estimate={"tokens_per_s": 1000})
    page = dry_run(asked)
    assert not (tmp_path / "out").exists()
    lines = dict(line.split("  ", 1) for line in page.splitlines())
    assert lines["steps"].strip() == "6 of 8 windows, 0 done"
    look = TrainingLook(asked)
    examples = look.source.load("train", asked)
    order = batches(
        examples.lengths, examples.documents, size=4, steps=6, seed=0, packed=False
    ).ravel()
    tokens = int((2 * (examples.lengths[order] + 120)).sum())  # 64 of the chunk, 56 of markers
    assert lines["tokens"].strip().startswith(f"{tokens:,} in windows, ")
    with safe_open(TINY_JUDGE / "model.safetensors", framework="np") as weights:
        learning = sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118
    learning -= (1024 - 2) * 128  # of the head, the labels' rows alone
    assert f"{learning:,} parameters, {learning:,} of them trained" in page
    assert f"{tokens / 1000 / 3600:.2f} hours of a worker" in lines["hours"]


def test_help_waits_for_nothing():
    code = (
        "import sys; from rm_ray.train.__main__ import main; main(['--help']); "
        f"sys.exit(' '.join({SLOW} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def load(*words):
    return load_config(TrainConfig, parse_arguments(words))


def test_the_annotated_configuration_is_one():
    load("--config", str(ROOT / "jobs" / "train.yaml"))


def test_a_key_of_another_family_is_named():
    words = ["--rewards.path", "r", "--output.path", "o", "--train.objective", "rewards"]
    words += ["--judge.family", "classifier", "--judge.model", "m", "--judge.chunk_tokens", "64"]
    with pytest.raises(ConfigError, match="chunk_tokens is a key of the family preference"):
        load(*words)


@pytest.mark.parametrize(
    ("heads", "on_gpu", "warned"), [(4, False, True), (2, False, False), (4, True, False)]
)
def test_heads_that_vllm_may_refuse_later_are_told_first(caplog, heads, on_gpu, warned):
    shape = {"model_type": "bert", "hidden_size": 64, "num_attention_heads": heads}
    check_vllm_runs(SimpleNamespace(name="student", config=shape), on_gpu=on_gpu)
    assert ("heads of student have 16 numbers" in caplog.text) == warned
