"""The jobs on Google's and Azure's stores from end to end leave what they leave in local folders.

The corpus, the scoring run, the filter's corpus, the report and the nights all lie in the store;
workers reach it from other processes.
"""

import json
import uuid

import pyarrow.parquet as pq
import pytest

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.filter.__main__ import main as filter_job
from rm_ray.nightly.__main__ import main as nightly_job
from rm_ray.report.__main__ import main as report_job
from rm_ray.run import lease
from rm_ray.run.folder import RunFolder
from rm_ray.run.lease import Lease
from rm_ray.store.filesystem import open_filesystem
from tests import fault_engine, jobs
from tests.jobs import options, write_corpus

NIGHT = "2026-11-01"
FILES, ROWS = 3, 8
# so small that a run has several parts
SHARDS = {"shard_rows": 4, "engine_name": fault_engine.NAME}


def rows_of(place):
    """The rows of all Parquet files below a place, in order, without the place."""
    fs = open_filesystem(place, StorageConfig())
    found = []
    for name in sorted(fs.find(fs._strip_protocol(place))):
        if name.endswith(".parquet"):
            with fs.open(name, "rb") as file:
                found += pq.read_table(file).to_pylist()
    for row in found:
        if "source_file" in row:
            row["source_file"] = row["source_file"].rpartition("/")[2]
    return sorted(found, key=lambda row: row["id"])


def figures_of(place):
    """A report's figures that do not tell where and when it was made."""
    fs = open_filesystem(place, StorageConfig())
    figures = json.loads(fs.cat_file(f"{fs._strip_protocol(place)}/report.json"))
    return figures["whole"], figures["groups"]


def score(caplog, corpus, output, *extra, **changes):
    return jobs.run(caplog, *extra, input_path=corpus, output_path=output, **SHARDS, **changes)


def select_and_report(top):
    """The jobs that come after a scoring run."""
    assert filter_job(options_of(
        rewards_path=f"{top}/out", output_path=f"{top}/kept", rule_keep_fraction=0.5,
    )) == 0  # fmt: skip
    assert report_job(options_of(rewards_path=f"{top}/out", output_path=f"{top}/report")) == 0


def night(top, corpus):
    """The job that does all three."""
    words = options(input_path=corpus, output_path=f"{top}/nightly", **SHARDS,
                    **{"filter_rule.keep_fraction": 0.5})  # fmt: skip
    assert nightly_job([*words, "--night", NIGHT]) == 0


def options_of(**changes):
    return [word for key, value in changes.items()
            for word in (f"--{key.replace('_', '.', 1)}", str(value))]  # fmt: skip


def left(rewards, kept, report):
    return {"rewards": rows_of(rewards), "kept": rows_of(kept), "report": figures_of(report)}


@pytest.fixture(scope="module")
def local(ray_cluster, tmp_path_factory):
    """The corpus, and what the jobs make of it in local folders."""
    top = tmp_path_factory.mktemp("local")
    write_corpus(top / "corpus", FILES, ROWS, 60)
    words = options(input_path=top / "corpus", output_path=top / "out", **SHARDS)
    assert jobs.main(words) == 0
    select_and_report(top)
    return top / "corpus", left(f"{top}/out/rewards", f"{top}/kept/corpus", f"{top}/report")


def test_every_job_leaves_in_a_cloud_what_it_leaves_in_a_folder(cloud, local, caplog, monkeypatch):
    files, expected = local
    top = f"{cloud}/{uuid.uuid4().hex}"
    fs = open_filesystem(top, StorageConfig())
    for file in files.iterdir():
        fs.pipe_file(f"{top}/corpus/{file.name}", file.read_bytes())
    corpus, output = f"{top}/corpus", f"{top}/out"
    status, log = score(caplog, corpus, output, input_limit=ROWS + 2)  # stops in the middle
    assert status == 0, log
    assert f"{output}: this store creates a file only where there is none" in log
    assert len(rows_of(f"{output}/rewards")) == ROWS + 2

    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    with Lease(RunFolder(OutputConfig(path=output), "rewards").state):
        status, log = score(caplog, corpus, output)
        assert status == 2 and "another run is at work in this output folder" in log
    status, log = score(caplog, corpus, output)
    assert status == 0 and "3 done" in log, log
    select_and_report(top)
    night(top, corpus)
    assert len(expected["rewards"]) == FILES * ROWS
    assert left(f"{output}/rewards", f"{top}/kept/corpus", f"{top}/report") == expected
    nightly = f"{top}/nightly"
    assert expected == left(
        f"{nightly}/scored/rewards", f"{nightly}/kept/night={NIGHT}/corpus",
        f"{nightly}/reports/{NIGHT}",
    )  # fmt: skip
