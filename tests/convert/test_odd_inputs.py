"""Odd files, folders and names: nothing is passed over without a word, and nothing is a riddle."""

import bz2
import gzip
import os
import re

import pytest

from rm_ray.convert.__main__ import main
from rm_ray.convert.config import LinesConfig
from rm_ray.convert.sampling import look_at_files
from rm_ray.corpus.files import InputFile
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


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_first_line_hides_no_columns(tmp_path, caplog, packed):
    data = write_lines(tmp_path / "a.jsonl", {"big": "x" * (17 << 20)}, *[{"text": "t"}] * 50)
    (tmp_path / "in").mkdir()
    name, data = ("a.jsonl.gz", gzip.compress(data)) if packed else ("a.jsonl", data)
    (tmp_path / "in" / name).write_bytes(data)
    status, _ = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    found = table(tmp_path / "out")
    assert status == 0 and found["text"].null_count == 1 and len(found) == 51
    assert found["extra"][0].as_py().startswith('{"big":"xxx')


def test_long_lines_everywhere_are_sampled(tmp_path):
    books = [{"score": n if n < 10 else n + 0.5, "text": "x" * 400_000} for n in range(30)]
    write_lines(tmp_path / "a.jsonl", *books)
    file = tmp_path / "a.jsonl"
    found = InputFile(str(file), file.stat().st_size, "")
    (look,) = look_at_files([found], LinesConfig(path=str(file)))
    assert look.seen.fields["score"].scalars == {"int", "float"} and 12 <= look.lines <= 30


def test_a_dry_run_tells_about_as_many_lines_as_there_are(tmp_path, capsys):
    lines = [{"id": n, "text": f"line {n} " * 20} for n in range(30_000)]
    (tmp_path / "in").mkdir()
    for name, pack in (("a.jsonl.gz", gzip.compress), ("b.jsonl.bz2", bz2.compress)):
        (tmp_path / "in" / name).write_bytes(pack(write_lines(tmp_path / "lines", *lines)))
    words = options(input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert main([*words, "--dry-run"]) == 0
    told = re.search(r"lines +about ([\d,]+)", capsys.readouterr().out)
    assert 0.8 < int(told[1].replace(",", "")) / 60_000 < 1.25


def test_names_that_differ_by_case_are_told(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", {"Text": "a", "text": "b", "m": [{"Id": 1, "id": 2}]})
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0 and "2 fields differ from another one only by case" in log
    assert "first 'text' from 'Text'" in log


def test_a_folder_above_the_input_is_no_folder_of_the_output(tmp_path, caplog):
    write_lines(tmp_path / "text=en/in/a.jsonl", {"text": "own"})
    words = {"input_path": tmp_path / "text=en/in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 0 and "has the name of a column" not in log


def test_a_folder_with_the_name_of_a_column_is_told(tmp_path, caplog):
    write_lines(tmp_path / "in/text=en/a.jsonl", {"text": "own"})
    write_lines(tmp_path / "in/lang=en/a.jsonl", {"text": "own"})
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0 and "the folder 'text=en'" in log and "'lang=en'" not in log
