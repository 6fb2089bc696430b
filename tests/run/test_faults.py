"""The real job as a process that is killed; one that is stopped is in test_submitted."""

import subprocess
import time

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from tests.conftest import ROOT
from tests.jobs import (
    command,
    environment,
    judged_here,
    parts,
    read_rewards,
    run,
    write_corpus,
)

TOLERANCE = 1e-3


def start_job(log, **changes):
    """The job in a process of its own, on the session's cluster."""
    env = environment(RAY_ADDRESS=ray.get_runtime_context().gcs_address)
    return subprocess.Popen(
        command(**changes), cwd=ROOT, env=env, stderr=log.open("w"), stdout=log.open("a")
    )


def wait_for_parts(job, output, count, log):
    """Until so many parts are committed, while the job still runs."""
    deadline = time.monotonic() + 180
    while not (output / "rewards").is_dir() or len(parts(output)) < count:
        assert job.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def judge_actors():
    children = psutil.Process().children(recursive=True)  # the cluster's processes are among them
    return [child for child in children if "JudgeActor" in " ".join(child.cmdline())]


@pytest.mark.chaos
def test_killed_and_its_actor_killed_its_rewards_are_an_undisturbed_engines(
    tmp_path, caplog, ray_cluster, vllm_engine
):
    write_corpus(tmp_path / "in", files=4, rows=16, words=400)
    hurt, log = tmp_path / "hurt", tmp_path / "log"
    changes = {"input_path": tmp_path / "in", "shard_tokens": 2000}

    job = start_job(log, output_path=hurt, **changes)
    wait_for_parts(job, hurt, 3, log)
    (actor,) = judge_actors()
    actor.kill()
    wait_for_parts(job, hurt, len(parts(hurt)) + 3, log)
    job.kill()
    job.wait()
    time.sleep(3)
    killed = parts(hurt)
    assert not (hurt / "_SUCCESS").exists()

    status, said = run(caplog, output_path=hurt, **changes)
    assert status == 0, said
    after = parts(hurt)
    assert killed.items() <= after.items()  # not one finished shard was written again
    assert f"{len(after)} shards, {len(killed)} done" in said
    assert (hurt / "_SUCCESS").exists()

    rows = read_rewards(hurt)
    corpus = pa.concat_tables(map(pq.read_table, sorted((tmp_path / "in").iterdir())))
    assert [row["id"] for row in rows] == corpus["id"].to_pylist()
    calm = judged_here(corpus["text"].to_pylist(), vllm_engine)
    assert [row["reward"] for row in rows] == pytest.approx(calm, abs=TOLERANCE)
