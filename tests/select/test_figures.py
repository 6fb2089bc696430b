"""The schema of select.json."""

from pathlib import Path

from rm_ray.select import figures


def test_the_schema_in_the_repository_is_that_of_the_figures(tmp_path):
    figures.write_schema(tmp_path / "schema.json")
    kept = Path(figures.__file__).with_name("select.schema.json")
    assert (tmp_path / "schema.json").read_text() == kept.read_text()
