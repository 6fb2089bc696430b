"""What a run's folder may hold, and what is refused in it."""

import json

import pytest

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.run.folder import RunFolder


def test_a_run_of_an_older_format_is_refused(tmp_path):
    (tmp_path / "_rm_ray").mkdir()
    stored = {"format": 1, "fingerprint": {"model": "m"}}
    (tmp_path / "_rm_ray" / "run.json").write_text(json.dumps(stored))
    with pytest.raises(OutputError, match=r"holds a run of an older rm_ray \(format 1, this one"):
        RunFolder(OutputConfig(path=str(tmp_path)), "parts").open({"model": "m"})
