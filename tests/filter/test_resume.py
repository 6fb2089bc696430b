"""A filter that is killed, that grows, and rewards that move under it."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from rm_ray.filter.copy.bundles import PlannedFolder
from tests.conftest import ROOT
from tests.filter import hostile
from tests.filter.rules import HAS, best
from tests.filter.runs import Oracle, files_of, options, run
from tests.jobs import environment
from tests.scored_runs import FINGERPRINT, fabricate, write_part

SMALL = {"output_file_mb": 0.002, "output_row_group_rows": 5}


@pytest.fixture
def scored(tmp_path):
    corpus = hostile.write(tmp_path / "corpus", rows=60)
    return fabricate(tmp_path / "scored", corpus, hostile.rewards, shard_rows=20)


def test_a_filter_that_is_killed_and_run_again_is_to_the_byte_an_undisturbed_one(
    scored, ray_cluster, tmp_path, caplog
):
    words = {"rewards_path": tmp_path / "scored", "rule_keep_fraction": 0.5, **SMALL}
    assert run(caplog, output_path=tmp_path / "calm", **words)[0] == 0
    hurt = tmp_path / "hurt"
    job = subprocess.Popen(
        [sys.executable, "jobs/filter.py", *options(output_path=hurt, **words)],
        cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    done = hurt / "_rm_ray" / "done"
    while job.poll() is None and not (done.is_dir() and len(list(done.iterdir())) > 2):
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert not (hurt / "_SUCCESS").exists()
    assert 2 < len(list(done.iterdir())) < len(files_of(tmp_path / "calm")) // 2
    status, log = run(caplog, output_path=hurt, **words)
    assert status == 0, log
    assert files_of(hurt) == files_of(tmp_path / "calm")


def test_under_a_fixed_reward_the_filter_grows_with_the_corpus(
    scored, ray_cluster, tmp_path, caplog
):
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out", "rule_seed": 0}
    words |= {"rule_min_reward": 0.5} | SMALL
    assert run(caplog, **words)[0] == 0
    before = files_of(tmp_path / "out")
    shutil.copy(tmp_path / "corpus/lang=en/0.parquet", tmp_path / "corpus/lang=en/9.parquet")
    status, log = run(caplog, **words)
    assert status == 2 and "1 of 10 corpus files were not scored there" in log
    fabricate(tmp_path / "scored", tmp_path / "corpus", hostile.rewards, shard_rows=20)
    status, log = run(caplog, **words)
    assert status == 0, log
    after = files_of(tmp_path / "out")
    assert after.items() >= {n: d for n, d in before.items() if n != "manifest.json"}.items()
    assert len(after) > len(before)
    oracle = Oracle(tmp_path / "corpus", tmp_path / "scored")
    assert oracle.found(tmp_path / "out") == oracle.expected(best("reward >= 0.5", "true"))


def test_under_a_relative_rule_it_does_not_and_stays_with_the_old_segments(
    scored, ray_cluster, tmp_path, caplog
):
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    words |= {"rule_keep_fraction": 0.5}
    assert run(caplog, **words)[0] == 0
    before = files_of(tmp_path / "out")
    shutil.copy(tmp_path / "corpus/lang=en/0.parquet", tmp_path / "corpus/lang=en/9.parquet")
    fabricate(tmp_path / "scored", tmp_path / "corpus", hostile.rewards, shard_rows=20)
    status, log = run(caplog, **words)
    assert status == 2
    assert "1 files are new to this filter" in log
    assert "--rewards.segments 0, or give a new --output.path" in log
    status, log = run(caplog, "--rewards.segments", "0", **words)
    assert status == 0, log
    assert files_of(tmp_path / "out") == before
    tonight = tmp_path / "tonight"
    status, log = run(caplog, "--rewards.segments", "1", **words | {"output_path": tonight})
    assert status == 0 and "of 60 documents kept" in log


def test_rewards_that_were_scored_again_are_another_corpus(scored, ray_cluster, tmp_path, caplog):
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    words |= {"rule_keep_fraction": 0.5} | SMALL
    assert run(caplog, **words)[0] == 0
    (tmp_path / "out" / "_SUCCESS").unlink()
    shard = next(s for f in scored.segments.read()[0].files for u in f.units for s in u.shards)
    write_part(scored, shard, hostile.rewards(shard, seed=5), FINGERPRINT)
    status, log = run(caplog, **words)
    assert status == 2 and f"1 parts in {tmp_path}/scored/rewards have changed since" in log
    assert shard.part in log and "give a new --output.path" in log


def test_a_file_of_the_output_that_is_damaged_is_found_and_made_again(
    scored, ray_cluster, tmp_path, caplog
):
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    words |= {"rule_keep_fraction": 0.5}
    assert run(caplog, **words)[0] == 0
    before = files_of(tmp_path / "out")
    victim = next((tmp_path / "out" / "corpus").rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1])
    status, log = run(caplog, **words)
    receipt = tmp_path / "out" / "_rm_ray" / "done" / f"{victim.name}.json"
    assert status == 1 and "1 parts are wrong" in log and str(receipt) in log
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    victim.unlink()
    receipt.unlink()
    assert run(caplog, **words)[0] == 0
    assert files_of(tmp_path / "out") == before


def test_what_is_kept_must_be_what_was_counted(scored, ray_cluster, tmp_path, caplog, monkeypatch):
    """A plan that says otherwise, as if a document had changed sides since."""
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    words |= {"rule_keep_fraction": 0.5}
    honest = PlannedFolder.to_do
    one_more = lambda self: [replace(b, kept=b.kept + 1) for b in honest(self)]  # noqa: E731
    monkeypatch.setattr(PlannedFolder, "to_do", one_more)
    status, log = run(caplog, **words)
    assert status == 1 and "the corpus or its rewards have changed since" in log
    assert not list((tmp_path / "out").rglob("*.parquet"))
    monkeypatch.undo()
    assert run(caplog, **words)[0] == 0


def test_a_run_that_is_still_at_work_can_be_filtered_when_asked(
    scored, ray_cluster, tmp_path, caplog
):
    shard = next(s for f in scored.segments.read()[0].files for u in f.units for s in u.shards)
    scored.parts.remove(shard.part)
    scored.mark_incomplete()
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 2 and "is not complete" in log and "--rewards.allow_incomplete" in log
    status, log = run(caplog, "--rewards.allow_incomplete", **words)
    assert status == 0 and "no reward: not scored" in log, log
    oracle = Oracle(tmp_path / "corpus", tmp_path / "scored")
    assert oracle.found(tmp_path / "out") == oracle.expected(best(HAS, "true"))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["scoring_runs"][0]["totals"] is None
    assert manifest["totals"]["documents"] == 480
