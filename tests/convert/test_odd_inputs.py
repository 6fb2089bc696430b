"""Odd files, folders and names: nothing is passed over without a word, and nothing is a riddle."""

import os

import pytest

from rm_ray.convert.__main__ import main
from tests.convert.lines import options, rows, run, table, write_lines


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("\n \n", ["text", "extra", "source_file", "line"]),  # no document: no schema yet
        ("{}", ["extra", "source_file", "line"]),
    ],
)
def test_a_corpus_that_grows_from_nothing_has_one_schema(tmp_path, caplog, first, names):
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    write_lines(tmp_path / "in/a.jsonl", first)
    assert run(caplog, **words)[0] == 0
    assert table(tmp_path / "out").schema.names == ["extra", "source_file", "line"]
    write_lines(tmp_path / "in/b.jsonl", {"text": "x"})
    status, log = run(caplog, **words)
    assert status == 0 and ("that this run's schema does not have" in log) == (first == "{}")
    assert table(tmp_path / "out").schema.names == names  # of all files: others cannot be joined
    last = rows(tmp_path / "out")[-1]
    assert last.get("text") == ("x" if first != "{}" else None)
    assert last["extra"] == (None if first != "{}" else '{"text":"x"}')


def test_a_link_that_leads_nowhere_is_refused(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", {"text": "x"})
    (tmp_path / "in/b.jsonl").symlink_to(tmp_path / "gone")
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 2 and f"{tmp_path}/in/b.jsonl" in log
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_not_utf8_is_refused(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", {"text": "x"})
    (tmp_path / "in/a.jsonl").rename(tmp_path / "in" / os.fsdecode(b"\xff.jsonl"))
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 2 and "\\udcff.jsonl is not UTF-8: rename the file" in log


def test_names_of_fields_are_told_on_one_line(tmp_path, caplog, capsys):
    write_lines(tmp_path / "in/a.jsonl", {"a\nb": 1, "\x1b[31m": 2, "": "s"}, {"a\nb": "s", "": 1})
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    assert main([*options(**words), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "\n    a\\nb: JSON text\n" in shown and "\n    \\x1b[31m: int64\n" in shown
    assert '\n    "": JSON text\n' in shown and "\x1b" not in shown
    _, log = run(caplog, **words)
    assert "a\\nb (the values are text and numbers)" in log and '"" (the values' in log


def test_a_folder_with_the_name_of_a_column_is_told(tmp_path, caplog):
    write_lines(tmp_path / "in/text=en/a.jsonl", {"text": "own"})
    write_lines(tmp_path / "in/lang=en/a.jsonl", {"text": "own"})
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0 and "the folder 'text=en'" in log and "'lang=en'" not in log
