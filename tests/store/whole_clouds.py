"""Reports and nights on Google's and Azure's stores.

Run by `python -m pytest tests/store/whole_clouds.py`. It is not among the tests that always run: it
takes minutes where the machine has other work.
"""

import json
import uuid

from rm_ray.config import StorageConfig
from rm_ray.nightly.__main__ import main as nightly_job
from rm_ray.report.__main__ import main as report_job
from rm_ray.store.filesystem import open_filesystem
from tests.filter.runs import options as given
from tests.jobs import options
from tests.store.cloud_runs import SHARDS, rows_of, upload

NIGHT = "2026-11-01"


def report(rewards, output):
    assert report_job(given(rewards_path=rewards, output_path=output)[2:]) == 0
    return figures_of(output)


def figures_of(place):
    """A report's figures that do not tell where and when it was made."""
    fs = open_filesystem(place, StorageConfig())
    figures = json.loads(fs.cat_file(f"{fs._strip_protocol(place)}/report.json"))
    return figures["whole"], figures["groups"]


def test_a_night_leaves_in_a_cloud_what_the_jobs_leave_in_a_folder(cloud, local, tmp_path):
    top = f"{cloud}/{uuid.uuid4().hex}"
    upload(local / "corpus", top)
    words = options(input_path=f"{top}/corpus", output_path=f"{top}/nightly", **SHARDS,
                    **{"filter_rule.keep_fraction": 0.5})  # fmt: skip
    assert nightly_job([*words, "--night", NIGHT]) == 0
    nightly = f"{top}/nightly"
    assert rows_of(f"{nightly}/scored/rewards") == rows_of(f"{local}/out/rewards")
    assert rows_of(f"{nightly}/kept/night={NIGHT}/corpus") == rows_of(f"{local}/kept/corpus")
    expected = report(local / "out", tmp_path / "report")
    assert figures_of(f"{nightly}/reports/{NIGHT}") == expected
    assert report(f"{nightly}/scored", f"{top}/report") == expected
