"""Files that were planned: what is said if they are gone."""

from rm_ray.corpus.files import InputFile
from rm_ray.run.changed import tell_of_gone


def test_planned_files_that_are_gone_are_named(caplog):
    caplog.set_level("INFO")
    known = {path: InputFile(path, 1, "v") for path in ("b", "a", "c")}
    tell_of_gone([known["c"], InputFile("new", 1, "v")], known, "their documents come twice")
    assert "2 files of this run are no longer in the input, first a: their rows" in caplog.text
    caplog.clear()
    tell_of_gone([*known.values()], known, "their documents come twice")
    assert not caplog.text
