"""Several jobs at once on one cluster: each does its own work, and knows its own progress."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from tests import fault_engine
from tests.conftest import ROOT
from tests.filter import runs as filter_runs
from tests.jobs import command, environment, read_rewards, run, write_corpus


@pytest.mark.chaos
def test_two_scoring_jobs_and_a_filter(ray_cluster, fault_folder, tmp_path, caplog):
    corpora = {name: tmp_path / name for name in ("first", "second", "scored")}
    for rows, corpus in enumerate(corpora.values(), start=10):
        write_corpus(corpus, files=4, rows=rows, words=200)
    engine = {"engine_name": fault_engine.NAME, "shard_rows": 4, "pool_max_actors": 1}
    status, said = run(
        caplog, input_path=corpora["scored"], output_path=tmp_path / "scored-out", **engine
    )
    assert status == 0, said

    env = environment(RAY_ADDRESS=ray.get_runtime_context().gcs_address, PYTHONPATH=str(ROOT))
    env |= {"PYTHONUNBUFFERED": "1"}
    jobs = {}
    for name in ("first", "second"):
        words = command(input_path=corpora[name], output_path=tmp_path / f"{name}-out", **engine)
        jobs[name] = _start(words, env, tmp_path / f"{name}.log")
    words = filter_runs.options(
        rewards_path=tmp_path / "scored-out", output_path=tmp_path / "kept", rule_keep_fraction=0.5
    )
    filtering = [sys.executable, "jobs/filter.py", *words]
    jobs["filter"] = _start(filtering, env, tmp_path / "filter.log")
    for name, job in jobs.items():
        assert job.wait(120) == 0, (tmp_path / f"{name}.log").read_text()

    for rows, name in enumerate(("first", "second"), start=10):
        output = tmp_path / f"{name}-out"
        ids = [row["id"] for row in read_rewards(output)]
        files = map(pq.read_table, sorted(corpora[name].iterdir()))
        assert ids == pa.concat_tables(files)["id"].to_pylist() and len(ids) == 4 * rows
        metrics = json.loads((output / "_rm_ray" / "metrics.json").read_text())
        assert metrics["this_invocation"]["work"]["documents"] == 4 * rows
    kept = sum(pq.read_metadata(file).num_rows for file in (tmp_path / "kept").rglob("*.parquet"))
    assert kept == 4 * 12 // 2


def _start(words, env, log):
    return subprocess.Popen(
        words, cwd=ROOT, env=env, stdout=log.open("w"), stderr=subprocess.STDOUT
    )
