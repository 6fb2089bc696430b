"""A run on Google's and Azure's stores leaves what it leaves in local folders.

The corpus and the output lie in the store; workers reach it from other processes. What else there
is, a report and a night, is in whole_clouds.py.
"""

import uuid

import pyarrow.parquet as pq
import pytest

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.filter.__main__ import main as filter_job
from rm_ray.run.output import lease
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.lease import Lease
from rm_ray.store.filesystem import open_filesystem
from tests import fault_engine, jobs
from tests.filter.runs import options as filter_options
from tests.jobs import write_corpus

FILES, ROWS = 3, 8
# so small that a run has several parts
SHARDS = {"shard_rows": 4, "engine_name": fault_engine.NAME}


def rows_of(place):
    """The rows of all Parquet files below a place, in order, without the place."""
    fs = open_filesystem(place, StorageConfig())
    found = []
    for name in sorted(fs.find(fs._strip_protocol(place))):
        if name.endswith(".parquet"):
            with fs.open(name, "rb", cache_type="none") as file:
                found += pq.read_table(file).to_pylist()
    for row in found:
        if "source_file" in row:
            row["source_file"] = row["source_file"].rpartition("/")[2]
    return sorted(found, key=lambda row: row["id"])


def select(top):
    words = filter_options(
        rewards_path=f"{top}/out", output_path=f"{top}/kept", rule_keep_fraction=0.5
    )
    assert filter_job(words) == 0
    return rows_of(f"{top}/kept/corpus")


@pytest.fixture(scope="session")
def local(ray_cluster, tmp_path_factory):
    """A folder with a corpus, `corpus`, and what the jobs make of it: `out`, `kept`."""
    top = tmp_path_factory.mktemp("local")
    write_corpus(top / "corpus", FILES, ROWS, 60)
    words = jobs.options(input_path=top / "corpus", output_path=top / "out", **SHARDS)
    assert jobs.main(words) == 0
    assert select(top)
    return top


def upload(corpus, top):
    fs = open_filesystem(top, StorageConfig())
    for file in corpus.iterdir():
        fs.pipe_file(f"{top}/corpus/{file.name}", file.read_bytes())


def test_a_run_stops_in_the_middle_refuses_a_second_driver_and_goes_on(
    cloud, local, caplog, monkeypatch
):
    top = f"{cloud}/{uuid.uuid4().hex}"
    upload(local / "corpus", top)
    words = {"input_path": f"{top}/corpus", "output_path": f"{top}/out", **SHARDS}
    status, log = jobs.run(caplog, input_limit=ROWS + 2, **words)
    assert status == 0, log
    assert f"{top}/out: this store creates a file only where there is none" in log
    assert len(rows_of(f"{top}/out/rewards")) == ROWS + 2

    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    with Lease(RunFolder(OutputConfig(path=f"{top}/out"), "rewards").state):
        status, log = jobs.run(caplog, **words)
    assert status == 2 and "another run is at work in this output folder" in log

    status, log = jobs.run(caplog, **words)
    assert status == 0 and "3 done" in log, log
    scored = rows_of(f"{top}/out/rewards")
    assert len(scored) == FILES * ROWS and scored == rows_of(f"{local}/out/rewards")
    assert select(top) == rows_of(f"{local}/kept/corpus")
