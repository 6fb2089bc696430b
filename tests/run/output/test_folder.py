"""What a run's folder may hold, and what is refused in it."""

import json
import uuid

import pyarrow as pa
import pytest

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.errors import OutputError
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.run_json import new_run, stored_columns


def test_a_run_of_an_older_format_is_refused(tmp_path):
    (tmp_path / "_rm_ray").mkdir()
    stored = {"format": 1, "fingerprint": {"model": "m"}}
    (tmp_path / "_rm_ray" / "run.json").write_text(json.dumps(stored))
    with pytest.raises(OutputError, match=r"holds a run of an older rm_ray \(format 1, this one"):
        RunFolder(OutputConfig(path=str(tmp_path)), "parts").open({"model": "m"})


def test_types_of_columns_are_stored_whole():
    types = {
        "id": pa.timestamp("us", "Europe/Berlin"),
        "meta.url": pa.list_(pa.struct([("a", pa.decimal128(9, 2))])),
    }
    stored = json.loads(json.dumps(new_run({}, {}, types)))
    assert stored_columns(stored) == types
    assert stored["columns"]["id"] == "timestamp[us, tz=Europe/Berlin]"  # for people


def test_a_run_that_stored_names_of_types_only_goes_on():
    run = {"format": 2, "columns": {"id": "int64", "meta": "struct<a: int64>"}}
    assert stored_columns(run) == {"id": pa.int64()}


def test_a_plan_whose_creation_lost_its_answer_is_the_runs_own(faulty_proxy, s3_bucket):
    storage = StorageConfig(endpoint_url=faulty_proxy.url)
    run = RunFolder(
        OutputConfig(path=f"s3://{s3_bucket}/{uuid.uuid4().hex}", storage=storage), "rewards"
    )
    stored = new_run({"judge.model": "m"}, {}, {})
    faulty_proxy.fail("lost", 1)
    run.create(stored)
    faulty_proxy.fail("lost", 1)
    run.segments.add([], {"night": 1})
    assert faulty_proxy.injected["lost"] == 2
    assert [segment.notes for segment in run.segments.read()] == [{"night": 1}]
    with pytest.raises(OutputError, match="another run has just begun here"):
        run.create(stored | {"created": "another time"})
