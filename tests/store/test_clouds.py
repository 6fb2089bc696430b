"""A run on Google's and Azure's stores leaves what it leaves in local folders.

The corpus and the output lie in the store; workers reach it from other processes. What else there
is, a report and a night, is in whole_clouds.py.
"""

import uuid

from rm_ray.config import OutputConfig
from rm_ray.run.output import lease
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.lease import Lease
from tests import jobs
from tests.store.cloud_runs import FILES, ROWS, SHARDS, rows_of, select, upload


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
