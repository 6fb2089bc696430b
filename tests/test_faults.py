"""The real job as a process that is killed, and as a submitted job on an S3 store."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars
import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.storage import open_filesystem
from tests.conftest import ROOT
from tests.jobs import (
    command,
    environment,
    options,
    parts,
    ray_head,
    read_rewards,
    run_job,
    write_corpus,
)

TOLERANCE = 1e-3


def assert_same_rows(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert {k: v for k, v in a.items() if "reward" not in k} == {
            k: v for k, v in b.items() if "reward" not in k
        }
        assert (a["reward"] is None) == (b["reward"] is None)
        if a["reward"] is not None:
            assert abs(a["reward"] - b["reward"]) < TOLERANCE


def test_killed_half_way_and_run_again_equals_an_undisturbed_run(tmp_path):
    write_corpus(tmp_path / "in", files=4, rows=24, words=400)
    changes = {"input_path": tmp_path / "in", "shard_tokens": 3000}
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    log = (tmp_path / "log").open("w")
    driver = subprocess.Popen(
        command(output_path=killed, **changes), cwd=ROOT, env=environment(), stderr=log, stdout=log
    )
    deadline = time.monotonic() + 120
    while not (killed / "rewards").is_dir() or len(parts(killed)) < 4:
        assert driver.poll() is None and time.monotonic() < deadline, Path(log.name).read_text()
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    time.sleep(3)  # workers may write for a moment after their driver is gone
    done = parts(killed)
    assert not (killed / "_SUCCESS").exists()

    again = run_job(output_path=killed, **changes)
    assert again.returncode == 0, again.stderr
    after = parts(killed)
    assert done.items() <= after.items()  # not one finished shard was written again
    assert 4 <= len(done) < len(after)
    assert f"{len(after)} shards, {len(done)} done" in again.stderr
    assert (killed / "_SUCCESS").exists()

    undisturbed = run_job(output_path=calm, **changes)
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert parts(calm).keys() == after.keys()
    assert_same_rows(read_rewards(killed), read_rewards(calm))


def submit(jobs_address, env, *words):
    ray = str(Path(sys.executable).parent / "ray")
    deadline = time.monotonic() + 60
    while True:
        result = _submit_once(ray, jobs_address, env, words)
        if "No available agent" not in result.stderr or time.monotonic() > deadline:
            return result  # the head needs a moment after its dashboard answers


def _submit_once(ray, jobs_address, env, words):
    return subprocess.run(
        [ray, "job", "submit", "--address", jobs_address, "--working-dir", ".", "--",
         "python", "jobs/score.py", *words],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip


def test_submitted_job_reads_and_writes_s3(tmp_path, s3_environment, monkeypatch):
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    secrets = {key: value for key, value in s3_environment.items() if "KEY" in key}
    env = environment(**secrets)  # only credentials come from the environment
    for name in ("RAY_ADDRESS", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        env.pop(name)
    write_corpus(tmp_path / "in", files=2, rows=6, words=150)
    fs = open_filesystem("s3://", StorageConfig())
    fs.mkdirs("submitted", exist_ok=True)
    fs.put(str(tmp_path / "in"), "submitted/corpus", recursive=True)
    places = {"input_path": "s3://submitted/corpus", "output_path": "s3://submitted/out"}
    words = options(**places, shard_tokens=1000, judge_model="demo/tiny_judge")
    for side in ("input", "output"):
        words += [f"--{side}.storage.endpoint_url", s3_environment["AWS_ENDPOINT_URL"]]
        words += [f"--{side}.storage.region", "us-east-1"]
    with ray_head(env) as (_, address):
        done = submit(address, env, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "complete: s3://submitted/out/rewards" in done.stdout
        assert "times the exact minimum" in done.stdout and "testing" not in done.stdout
        refused = submit(address, env, *words, "--input.text", "body")
        assert refused.returncode != 0
        assert "input.text is 'text' there and 'body' here" in refused.stdout
    fs.get("submitted/out", str(tmp_path / "out"), recursive=True)
    rows = read_rewards(tmp_path / "out")
    assert [row["id"] for row in rows] == [f"0-{f}-{r}" for f in (0, 1) for r in range(6)]
    assert all(row["source_file"].startswith("s3://submitted/corpus/") for row in rows)
    # the store itself, as readers know it
    endpoint = s3_environment["AWS_ENDPOINT_URL"]
    storage = {
        "aws_endpoint_url": endpoint, "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing", "aws_region": "us-east-1", "aws_allow_http": "true",
    }  # fmt: skip
    found = polars.read_parquet("s3://submitted/out/rewards/*.parquet", storage_options=storage)
    assert found.height == len(rows)
    listed = fs.glob("submitted/out/rewards/*.parquet")
    assert sum(pq.read_metadata(fs.open(name)).num_rows for name in listed) == len(rows)
    local = f"{tmp_path}/out/rewards/*.parquet"
    assert duckdb.sql(f"SELECT count(*) FROM '{local}'").fetchall() == [(len(rows),)]
