"""The schema of report.json is written down, and is that of the code."""

import json

from rm_ray.report.figures import SCHEMA, Figures
from tests.conftest import ROOT

WRITTEN = ROOT / "rm_ray" / "report" / "report.schema.json"


def test_the_schema_that_is_written_down_is_that_of_the_code():
    """Where it differs on purpose: `python -m rm_ray.report.figures` writes it anew."""
    assert json.loads(WRITTEN.read_text()) == Figures.model_json_schema(by_alias=True)
    assert json.loads(WRITTEN.read_text())["properties"]["schema"]["const"] == SCHEMA
