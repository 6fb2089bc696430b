"""What a run's folder may hold, and what is refused in it."""

import json

import pyarrow as pa
import pytest

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.run.folder import RunFolder, new_run, stored_columns


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
