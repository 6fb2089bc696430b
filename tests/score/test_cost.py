"""What a dry run says a run would cost, beside what it did cost."""

import json
import re
import shutil

import pytest

from rm_ray.run.output.folder import MEASURED_GPUS, SPEED
from tests.conftest import TINY_JUDGE
from tests.jobs import parts, run, write_corpus

pytestmark = [pytest.mark.vllm, pytest.mark.usefixtures("ray_cluster")]


def dry_figures(page):
    """The numbers of a dry run's page, by the first words of their lines."""
    found = (re.match(r"(.{15})\s*([\d,]+(?:\.\d+)?)(?!\S)", line) for line in page.splitlines())
    return {one[1].strip(): float(one[2].replace(",", "")) for one in found if one}


def test_a_dry_run_tells_what_the_run_will_cost(tmp_path, capsys, caplog):
    """Documents of very different lengths; then half of the run is done, and the rest is told."""
    for words, rows in ((60, 24), (900, 8), (4000, 2)):
        write_corpus(tmp_path / "in", files=2, rows=rows, words=words, seed=words)
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    paths |= {"judge_context_tokens": 8192, "shard_rows": 4}
    assert run(caplog, "--dry-run", "--estimate.tokens_per_s", "1000", **paths)[0] == 0
    page = capsys.readouterr().out
    assert "at the given 1,000 document tokens/s per engine" in page
    before = dry_figures(page)
    assert run(caplog, **paths)[0] == 0
    totals = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert run(caplog, **paths)[0] == 0  # judges nothing, and the speed measured before stays
    assert before["tokens"] == pytest.approx(totals["tokens"], rel=0.1)
    assert before["windows"] == pytest.approx(totals["windows"], rel=0.1)
    assert before["forwarded"] == pytest.approx(totals["forwarded_tokens"], rel=0.1)
    assert before["engine hours"] == pytest.approx(before["tokens"] / 1000 / 3600, rel=0.01)

    rows = {name: int(name[-20:-8]) - int(name[-33:-21]) for name in parts(tmp_path / "out")}
    gone = sorted(rows)[::2]
    for name in gone:
        (tmp_path / "out" / "rewards" / name).unlink()
    assert run(caplog, "--dry-run", **paths)[0] == 0
    page = capsys.readouterr().out
    assert f"{len(gone)} left" in page and "measured by this run" in page
    share = sum(rows[name] for name in gone) / totals["documents"]
    left = dry_figures(page)
    assert left["tokens"] == pytest.approx(totals["tokens"] * share, rel=1e-3)
    assert left["engine hours"] > 0

    # a driver that was killed has written no figures of its own
    (tmp_path / "out" / "_rm_ray" / "metrics.json").unlink()
    assert run(caplog, "--dry-run", "--estimate.tokens_per_s", "1000", **paths)[0] == 0
    sampled = dry_figures(capsys.readouterr().out)
    assert sampled["forwarded"] == pytest.approx(before["forwarded"] * share, rel=1e-3)
    assert sampled["engine hours"] == pytest.approx(before["engine hours"] * share, rel=0.01)

    # the given speed is that of judging every chunk
    some = {**paths, "output_path": tmp_path / "some", "judge_chunks": "first:1"}
    assert run(caplog, "--dry-run", "--estimate.tokens_per_s", "1000", **some)[0] == 0
    first = dry_figures(capsys.readouterr().out)
    assert first["tokens"] == before["tokens"]
    asked = first["forwarded"] / before["forwarded"]
    assert asked < 0.5
    assert first["engine hours"] == pytest.approx(before["engine hours"] * asked, rel=0.01)


def test_a_dry_run_knows_in_which_steps_prefixes_are_shared(tmp_path, capsys, caplog):
    """A model whose attention slides costs the minimum, one whose layers differ more."""
    write_corpus(tmp_path / "in", files=1, rows=8, words=400)
    shutil.copytree(TINY_JUDGE, tmp_path / "model")
    config = json.loads((TINY_JUDGE / "config.json").read_text())
    config |= {"model_type": "ministral", "architectures": ["MinistralForCausalLM"]}
    config |= {"sliding_window": 64}
    config["layer_types"] = ["sliding_attention", *config["layer_types"][1:]]
    fewer = {"per_layer_config": {"0": {"num_key_value_heads": 2}}}
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    pages = []
    for more in ({}, fewer):
        (tmp_path / "model" / "config.json").write_text(json.dumps(config | more))
        assert run(caplog, "--dry-run", judge_model=tmp_path / "model", **paths)[0] == 0
        pages.append(capsys.readouterr().out)
    minimum, needed = (dry_figures(page)["forwarded"] for page in pages)
    assert "   tokens, the exact minimum\n" in pages[0]
    reason = "this model's layers differ, and vLLM shares prefixes in steps of 128 tokens"
    reason += "; a smaller --engine.block_size shares more\n"
    assert f"   tokens, {needed / minimum:.2f} times the exact minimum: {reason}" in pages[1]
    assert needed > 1.1 * minimum


def test_what_transformers_forwards_is_told_before_and_after(tmp_path, capsys, caplog):
    write_corpus(tmp_path / "in", files=2, rows=4, words=400)
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    paths |= {"engine_name": "transformers"}
    reason = "the transformers engine keeps nothing of a prompt, and each pays for all its tokens"
    assert run(caplog, "--dry-run", **paths)[0] == 0
    page = capsys.readouterr().out
    assert f"times the exact minimum: {reason}\n" in page
    status, log = run(caplog, **paths)
    assert status == 0 and f"more than the exact minimum was forwarded: {reason}\n" in log
    metrics = json.loads((tmp_path / "out" / "_rm_ray" / "metrics.json").read_text())
    totals = metrics["totals"]
    assert totals["over_minimum_because"] == reason
    assert dry_figures(page)["forwarded"] == totals["forwarded_tokens"] == totals["prompt_tokens"]

    (tmp_path / "out" / "rewards" / next(iter(parts(tmp_path / "out")))).unlink()
    assert run(caplog, "--dry-run", **paths)[0] == 0
    left, rate = dry_figures(capsys.readouterr().out), metrics[SPEED]
    share = left["forwarded"] / totals["forwarded_tokens"]
    assert share == pytest.approx(left["tokens"] / totals["tokens"], rel=1e-3)
    assert left["engine hours"] == pytest.approx(left["forwarded"] / rate / 3600, rel=0.05)

    stored = tmp_path / "out" / "_rm_ray" / "metrics.json"
    assert metrics[MEASURED_GPUS] == 0
    stored.write_text(json.dumps(metrics | {MEASURED_GPUS: 0.5}))
    assert run(caplog, "--dry-run", **paths)[0] == 0
    said = "on engines of 0.5 GPUs, and pool.gpus is 0 now: measure anew"
    assert said in capsys.readouterr().out


def test_a_speed_that_was_never_measured_is_asked_for(tmp_path, capsys, caplog):
    write_corpus(tmp_path / "in", files=1, rows=2, words=80)
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    assert run(caplog, "--dry-run", **paths)[0] == 0
    assert "unknown   give --estimate.run or --estimate.tokens_per_s" in capsys.readouterr().out
    status, log = run(caplog, "--dry-run", "--estimate.run", str(tmp_path / "other"), **paths)
    assert status == 2 and "other has no measured speed in _rm_ray/metrics.json" in log
