"""The real job as a process that is killed, and as a submitted job on an S3 store."""

import gzip
import re
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from tests.conftest import ROOT
from tests.jobs import (
    command,
    environment,
    judged_here,
    options,
    parts,
    ray_head,
    read_rewards,
    run,
    write_corpus,
)

TOLERANCE = 1e-3


def start_job(log, **changes):
    return subprocess.Popen(
        command(**changes), cwd=ROOT, env=environment(), stderr=log.open("w"), stdout=log.open("a")
    )


def wait_for_parts(job, output, count, log):
    """Until so many parts are committed, while the job still runs."""
    deadline = time.monotonic() + 180
    while not (output / "rewards").is_dir() or len(parts(output)) < count:
        assert job.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def judge_actors(job):
    children = psutil.Process(job.pid).children(recursive=True)
    return [child for child in children if "JudgeActor" in " ".join(child.cmdline())]


def test_stopped_killed_and_its_actor_killed_its_rewards_are_an_undisturbed_engines(
    tmp_path, caplog, ray_cluster, vllm_engine
):
    write_corpus(tmp_path / "in", files=4, rows=24, words=400)
    hurt, log = tmp_path / "hurt", tmp_path / "log"
    changes = {"input_path": tmp_path / "in", "shard_tokens": 2000, "cost_per_gpu_hour": 0.5}

    job = start_job(log, output_path=hurt, **changes)
    wait_for_parts(job, hurt, 3, log)
    children = psutil.Process(job.pid).children(recursive=True)
    job.terminate()
    assert job.wait(60) == 1
    said = log.read_text()
    (way_on,) = (line for line in said.splitlines() if "stopping" in line)
    assert re.search(
        r"stopping \(SIGTERM\): nothing new begins, what is being written lands; \d+ of \d+ "
        r"shards are left, (and it is too early|which would take about [\d.]+ engine hours, \$)",
        way_on,
    )
    assert f"To go on: {sys.executable} jobs/score.py --judge.model" in way_on
    assert said.endswith("stopped; what is committed stays\n") and "Traceback" not in said
    _, left = psutil.wait_procs(children, timeout=10)
    assert not [one for one in left if "Agent" not in one.name()]  # Ray's own look once a minute
    stopped = parts(hurt)
    assert not (hurt / "_rm_ray" / "lease.json").exists()

    job = start_job(log, output_path=hurt, **changes)
    wait_for_parts(job, hurt, len(stopped) + 3, log)
    (actor,) = judge_actors(job)
    actor.kill()
    wait_for_parts(job, hurt, len(parts(hurt)) + 3, log)
    job.kill()
    job.wait()
    time.sleep(3)
    killed = parts(hurt)
    assert stopped.items() <= killed.items() and not (hurt / "_SUCCESS").exists()

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


def submit(jobs_address, env, *words):
    ray = str(Path(sys.executable).parent / "ray")
    deadline = time.monotonic() + 180
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


def contents(path):
    """All that a file of a run says, and its name."""
    if path.suffix == ".parquet":
        return f"{path}{pq.read_table(path).to_pylist()}{pq.read_metadata(path).metadata}"
    data = path.read_bytes() if path.is_file() else b""
    return f"{path}{(gzip.decompress(data) if path.suffix == '.gz' else data).decode()}"


def test_submitted_job_reads_and_writes_s3(tmp_path, s3_environment, monkeypatch):
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    secrets = [f"in-no-file-{number}" for number in range(4)]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    names += tuple(f"INPUT_{name}" for name in names)
    # only credentials come from the environment
    env = environment(**dict(zip(names, secrets, strict=True)))
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
    words += ["--input.storage.environment_prefix", "INPUT_"]
    with ray_head(env) as (_, address):
        done = submit(address, env, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "complete: s3://submitted/out" in done.stdout
        assert "times the exact minimum" in done.stdout
        refused = submit(address, env, *words, "--input.text", "body")
        assert refused.returncode != 0
        assert "input.text is 'text' there and 'body' here" in refused.stdout
    fs.get("submitted/out", str(tmp_path / "out"), recursive=True)
    written = "".join(contents(path) for path in (tmp_path / "out").rglob("*"))
    assert "s3://submitted/corpus" in written and "run.json" in written
    for secret in secrets:
        assert secret not in written + done.stdout + done.stderr
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
