"""The real job as its users submit it: to a cluster with authentication, on a store with it."""

import contextlib
import gzip
import json
import re
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import boto3
import duckdb
import polars
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT, TINY_JUDGE, free_port, s3_server
from tests.jobs import (
    environment,
    judged_here,
    options,
    ray_head,
    ray_node,
    read_rewards,
    write_corpus,
)
from tests.prometheus import prometheus, queries

TOLERANCE = 1e-3
RAY = str(Path(sys.executable).parent / "ray")
TOKEN = "a-token-of-this-test-alone"
COST = 3.5
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")


@pytest.fixture(scope="module")
def store():
    """A real S3 protocol server that knows who asks, and what each may: its endpoint, and keys of
    one who reads corpora and judges, and of one who writes outputs.
    """
    with s3_server(INITIAL_NO_AUTH_ACTION_COUNT="100") as endpoint:
        yield endpoint, *buckets_and_keys(endpoint)


def buckets_and_keys(endpoint):
    anyone = {"endpoint_url": endpoint, "aws_access_key_id": "a", "aws_secret_access_key": "b",
              "region_name": "us-east-1"}  # fmt: skip
    iam = boto3.client("iam", **anyone)
    reads, writes = ["s3:Get*", "s3:List*"], ["s3:*"]
    keys = [
        key_of(iam, "reader", {"corpora": reads, "models": reads}),
        key_of(iam, "writer", {"outputs": writes}),
    ]
    everything = {name: ["s3:*"] for name in ("corpora", "models", "outputs")}
    admin = key_of(iam, "admin", everything)
    s3 = boto3.client("s3", **anyone | dict(zip(list(anyone)[1:3], admin, strict=True)))
    for bucket in ("corpora", "models", "outputs"):
        s3.create_bucket(Bucket=bucket)
    return s3, *keys


def key_of(iam, user, buckets):
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": [f"arn:aws:s3:::{bucket}",
                                                            f"arn:aws:s3:::{bucket}/*"]}
        for bucket, actions in buckets.items()
    ]  # fmt: skip
    iam.create_user(UserName=user)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=user, PolicyName="buckets", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def upload(s3, folder, bucket, prefix):
    for path in folder.iterdir():
        s3.upload_file(str(path), bucket, f"{prefix}/{path.name}")


def authenticate_from_now_on(endpoint):
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(request).close()


def ray_job(env, address, *words):
    return subprocess.run(
        [RAY, "job", words[0], "--address", address, *words[1:]],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip


def submission(address, name, words, *more):
    return [
        RAY, "job", "submit", "--address", address, "--submission-id", name, *more,
        "--working-dir", ".", "--", "python", "jobs/score.py", *words,
    ]  # fmt: skip


def submit(env, address, name, words, *more):
    """As README says it; the head needs a moment after its dashboard answers."""
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(
            submission(address, name, words, *more), cwd=ROOT, env=env, capture_output=True,
            text=True,
        )  # fmt: skip
        if "No available agent" not in done.stderr or time.monotonic() > deadline:
            return done


def said_by(address, name):
    """The log of a job so far, as `ray job logs` gives it."""
    request = urllib.request.Request(
        f"{address}/api/jobs/{name}/logs", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["logs"]


def scraped(port, run):
    """The run's metrics from Ray's endpoint, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        sample.name.removeprefix("ray_").removesuffix("_total"): sample.value
        for family in families
        for sample in family.samples
        if sample.labels.get("run") == run
    }


def wait_for(condition, what, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def contents(path):
    """All that a file of a run says, and its name."""
    if path.suffix == ".parquet":
        return f"{path}{pq.read_table(path).to_pylist()}{pq.read_metadata(path).metadata}"
    data = path.read_bytes() if path.is_file() else b""
    return f"{path}{(gzip.decompress(data) if path.suffix == '.gz' else data).decode()}"


def download(s3, bucket, prefix, folder):
    for one in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        path = folder / one["Key"].removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, one["Key"], str(path))


def workers(address):
    """The processes of this cluster that do a job's work; each one's raylet names the cluster."""
    found, port = [], address.rpartition(":")[2]
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            title = (process.info["cmdline"] or [""])[0]
            raylet = " ".join(process.parent().cmdline()) if "MapWorker" in title else ""
            if re.search(rf"--gcs-address=\S+:{port}\b", raylet):
                found.append(process)
    return found


@pytest.mark.timeout(1800)  # two engines start twice on the machine's cores, busy or not
def test_submitted_stopped_and_submitted_again_on_a_cluster_and_a_store_with_authentication(
    tmp_path, store, vllm_engine
):
    endpoint, s3, reader, writer = store
    write_corpus(tmp_path / "in", files=4, rows=16, words=400)
    upload(s3, tmp_path / "in", "corpora", "corpus")
    upload(s3, TINY_JUDGE, "models", "judge")
    authenticate_from_now_on(endpoint)
    metrics_port = free_port()
    # what machines know: whose keys are for what, and the cluster's token
    env = environment(
        RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN, RAY_JOB_STOP_WAIT_TIME_S="20",
        RAY_metrics_report_interval_ms="500",
        INPUT_AWS_ACCESS_KEY_ID=reader[0], INPUT_AWS_SECRET_ACCESS_KEY=reader[1],
        AWS_ACCESS_KEY_ID=writer[0], AWS_SECRET_ACCESS_KEY=writer[1],
    )  # fmt: skip
    for name in ("RAY_ADDRESS", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        env.pop(name, None)
    places = {"input_path": "s3://corpora/corpus", "output_path": "s3://outputs/run",
              "judge_model": "s3://models/judge"}  # fmt: skip
    words = options(
        **places, shard_tokens=2000, pool_cpus=2, pool_max_actors=2, engine_threads=1,
        cost_per_gpu_hour=COST, engine_weights_folder=tmp_path / "weights", run_progress_s=0.5,
        notify_command=f'echo "$RM_RAY_JOB $RM_RAY_EXIT_STATUS" >> {tmp_path / "told"}',
    )  # fmt: skip
    for side in ("input", "output", "judge"):
        words += [f"--{side}.storage.endpoint_url", endpoint, f"--{side}.storage.region",
                  "us-east-1"]  # fmt: skip
    for side in ("input", "judge"):
        words += [f"--{side}.storage.environment_prefix", "INPUT_"]
    with contextlib.ExitStack() as machines:
        head = ray_head(env, "--num-cpus=0", f"--metrics-export-port={metrics_port}")
        address, jobs = machines.enter_context(head)
        nobody = ray_job({**env, "RAY_AUTH_TOKEN": "another"}, jobs, "list")
        assert nobody.returncode != 0 and TOKEN not in nobody.stdout + nobody.stderr

        assert submit(env, jobs, "first", words, "--no-wait").returncode == 0
        said = partial(said_by, jobs, "first")
        wait_for(lambda: "has no machine yet that runs tasks" in said(), said)
        for _ in range(2):
            machines.enter_context(
                ray_node(address, env, "--num-cpus=2", "--object-store-memory=100000000")
            )
        wait_for(lambda: re.search(r"[1-9][0-9]* of [0-9]+ documents", said()), said)
        assert workers(address)
        stopped = ray_job(env, jobs, "stop", "first")
        assert stopped.returncode == 0, stopped
        wait_for(lambda: not workers(address), lambda: str(workers(address)), 20)
        check_stopped(log := said())
        assert (tmp_path / "told").read_text() == "score 1\n"
        first = parts(s3)
        assert not s3.list_objects_v2(Bucket="outputs", Prefix="run/_rm_ray/lease").get("Contents")
        status = subprocess.run(
            [sys.executable, "jobs/status.py", "s3://outputs/run"], cwd=ROOT, capture_output=True,
            text=True, env=env | dict(zip(KEYS, (*writer, endpoint), strict=True)),
        )  # fmt: skip
        assert status.returncode == 1, status.stderr
        assert f"shards      {len(first)} of " in status.stdout

        ask = machines.enter_context(prometheus(tmp_path, metrics_port, free_port()))
        with (tmp_path / "second").open("w") as out:
            second = subprocess.Popen(submission(jobs, "second", words), cwd=ROOT, env=env,
                                      stdout=out, stderr=out)  # fmt: skip
        found, engines, shown = {}, 0.0, {}
        while second.poll() is None:
            with contextlib.suppress(OSError):
                # of each what was scraped last: a busy machine exports some of them a moment later
                found |= scraped(metrics_port, "s3://outputs/run")
                engines = max(engines, found.get("rm_ray_engines", 0))
                # after its end a driver has no series
                answers = {title: [ask(query) for query in own] for title, own in queries().items()}
                shown |= {title: own for title, own in answers.items() if any(own)}
            time.sleep(1)
        log += (tmp_path / "second").read_text()
        assert second.returncode == 0 and "complete: s3://outputs/run" in log, log
        assert (tmp_path / "told").read_text() == "score 1\nscore 0\n"
    download(s3, "outputs", "run", tmp_path / "out")
    assert first.items() <= parts(s3).items()  # not one finished shard was written again
    check_rewards(tmp_path, vllm_engine)
    check_metrics({**found, "rm_ray_engines": engines}, tmp_path / "out", len(parts(s3)))
    check_dashboard(shown)
    check_no_secrets(tmp_path / "out", log, [TOKEN, *reader, *writer])
    check_readers(endpoint, writer, tmp_path / "out")


def parts(s3):
    found = s3.list_objects_v2(Bucket="outputs", Prefix="run/rewards/").get("Contents", [])
    return {one["Key"]: (one["ETag"], one["LastModified"]) for one in found}


def check_rewards(folder, engine):
    rows = read_rewards(folder / "out")
    corpus = pa.concat_tables(map(pq.read_table, sorted((folder / "in").iterdir())))
    assert [row["id"] for row in rows] == corpus["id"].to_pylist()
    assert all(row["source_file"].startswith("s3://corpora/corpus/") for row in rows)
    calm = judged_here(corpus["text"].to_pylist(), engine)
    assert [row["reward"] for row in rows] == pytest.approx(calm, abs=TOLERANCE)


def check_stopped(log):
    (way_on,) = (line for line in log.splitlines() if "stopping (SIGTERM)" in line)
    assert re.search(r"\d+ of \d+ shards are left, which would take about .* engine hours, \$",
                     way_on)  # fmt: skip
    assert "To go on: ray job submit --working-dir . -- python jobs/score.py" in way_on
    assert "stopped; the committed parts stay" in log and "Traceback" not in log


def check_metrics(found, out, shards):
    """As they were scraped last, beside what the run itself wrote down.

    Ray exports now and then, and the last time may be before the end: so nothing here is more than
    what was written, and nothing is missing. tests/run/standing/test_metrics.py has them exactly.
    """
    stored = json.loads((out / "_rm_ray" / "metrics.json").read_text())["this_invocation"]
    hours = json.loads((out / "_rm_ray" / "progress.json").read_text())["hours"]
    work = stored["work"]
    most = {
        "rm_ray_documents": work["documents"],
        "rm_ray_chunks": work["windows"],
        "rm_ray_document_tokens": work["tokens"],
        "rm_ray_forwarded_tokens": work["forwarded_tokens"],
        "rm_ray_shards_done": shards,
        "rm_ray_cache_hit_rate": 1,
        "rm_ray_busy_share": 1,
        "rm_ray_engines": min(2, stored["engines"]),
        "rm_ray_gpu_hours": hours * 1.2,
    }
    for name, value in most.items():
        assert 0 < found[name] <= value, (name, found[name], value)
    assert 0 <= found["rm_ray_shards_left"] < shards and found["rm_ray_seconds_left"] >= 0
    # the gauges of one export are of one moment, and of both invocations together
    assert found["rm_ray_shards_done"] + found["rm_ray_shards_left"] == shards
    assert found["rm_ray_cost_dollars"] == pytest.approx(found["rm_ray_gpu_hours"] * COST)


def check_dashboard(shown):
    """Check what each panel of the dashboard showed last, as Prometheus scraped the run."""
    # a run without a fault has no series of faults, and the others are of folders
    assert shown.keys() >= {
        *("Shards done", "Time left", "Cost so far", "GPU hours so far", "Tokens a second"),
        *("Documents a second", "Engines that are ready", "In the model, and from the cache"),
    }
    for title, answers in shown.items():
        for answer in filter(None, answers):
            assert [labels["run"] for labels, _ in answer] == ["s3://outputs/run"], (title, answer)
    assert 0 < shown["Shards done"][0][0][1] <= 1 and shown["Cost so far"][0][0][1] > 0
    assert shown["Documents a second"][0][0][1] > 0


def check_no_secrets(out, said, secrets):
    written = "".join(contents(path) for path in out.rglob("*"))
    assert "s3://corpora/corpus" in written and "run.json" in written
    for secret in secrets:
        assert secret not in written + said


def check_readers(endpoint, writer, out):
    """The store itself, as readers know it."""
    count = len(read_rewards(out))
    storage = {
        "aws_endpoint_url": endpoint, "aws_access_key_id": writer[0],
        "aws_secret_access_key": writer[1], "aws_region": "us-east-1", "aws_allow_http": "true",
    }  # fmt: skip
    found = polars.read_parquet("s3://outputs/run/rewards/*.parquet", storage_options=storage)
    assert found.height == count
    assert duckdb.sql(f"SELECT count(*) FROM '{out}/rewards/*.parquet'").fetchall() == [(count,)]
