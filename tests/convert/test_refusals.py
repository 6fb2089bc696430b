"""Files that are no JSON Lines, and names that collide, are refused before a write."""

import gzip
import json

import pytest

from rm_ray.convert import packing
from rm_ray.convert.sampling import look_at_files
from rm_ray.corpus.files import InputFile
from tests.convert.lines import manifest, rows, run, write_lines

DOCUMENTS = [{"id": 1, "text": "x"}, {"id": 2, "text": "y"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (json.dumps(DOCUMENTS).encode(), "is one JSON array"),
        (json.dumps(DOCUMENTS, indent=1).encode(), "is one JSON array"),
        (gzip.compress(json.dumps(DOCUMENTS[0], indent=1).encode(), mtime=0), "pretty-printed"),
        (json.dumps(DOCUMENTS[0]).encode("utf-16"), "is UTF-16"),
        (b"PAR1xxxxxxxxxxxxxxxxxxxxxx", "is Parquet"), (b"id,text\n1,x\n", "is no JSON Lines file"),
        (b"PK\x03\x04xxxxxxxxxxxxxxxxxxxx", "a zip archive"),
        (b"[" + b'{"a":1},' * (3 << 20) + b"{}]", "is one JSON array"),
    ],
)  # fmt: skip
def test_files_that_are_no_json_lines(tmp_path, caplog, data, said):
    write_lines(tmp_path / "in/a.jsonl", *DOCUMENTS)
    (tmp_path / "in/b.json").write_bytes(data)
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 2 and f"{tmp_path}/in/b.json " in log and said in log
    assert not (tmp_path / "out").exists()
    status, log = run(caplog, **words, input_on_bad_file="skip")
    assert status == 0 and "left out" in log
    assert len(rows(tmp_path / "out")) == 2 and len(manifest(tmp_path / "out")["files"]) == 1


@pytest.mark.parametrize("name", ["source_file", "line", "extra"])
def test_names_that_collide(tmp_path, caplog, name):
    write_lines(tmp_path / "in/a.jsonl", {name: "own", "text": "x"})
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 2 and f"give --output.{name} another name" in log
    changes = {f"output_{name}": "other" if name == "extra" else "null"}
    assert run(caplog, **words, **changes)[0] == 0
    assert [row[name] for row in rows(tmp_path / "out")] == ["own"]


@pytest.mark.parametrize("name", ["Line", "EXTRA"])
def test_names_that_duckdb_takes_for_ours(tmp_path, caplog, name):
    write_lines(tmp_path / "in/a.jsonl", {name: "own", "text": "x"})
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 2 and f"a field {name!r}" in log and "DuckDB takes for the same" in log


def test_no_column_at_all(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", {}, {})
    words = {"types_extra": "reject", "output_source_file": "null", "output_line": "null"}
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out", **words)
    assert status == 2 and "the output has no column" in log


def test_a_file_whose_lines_are_all_too_long(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", {"text": "x" * (17 << 20)})
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words, input_max_line_mb=16)
    assert status == 2 and "has no line of at most 16 MiB in the first 17 MiB" in log
    assert run(caplog, **words)[0] == 0 and len(rows(tmp_path / "out")[0]["text"]) == 17 << 20


def test_other_refusals(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl", *DOCUMENTS)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/a.txt").write_text("{}")
    write_lines(tmp_path / "iceberg/metadata/00000-x.metadata.json", DOCUMENTS[0])
    cases = {
        "does not exist": {"input_path": tmp_path / "gone"},
        "is an Iceberg table, ": {"input_path": tmp_path / "iceberg"},
        "give it to the scoring job, --input.path delta:x": {"input_path": "delta:x"},
        "no JSON Lines file: names end in .jsonl": {"input_path": tmp_path / "none"},
        "need three different names": {"input_path": tmp_path / "in", "output_line": "extra"},
    }
    for said, changes in cases.items():
        status, log = run(caplog, output_path=tmp_path / "out", **changes)
        assert status == 2 and said in log, said
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "in"}
    status, log = run(caplog, **words)
    assert status == 2 and "does not read its own output" in log


def test_zstd_without_its_package(tmp_path, monkeypatch):
    from rm_ray.convert.config import LinesConfig

    file = tmp_path / "a.jsonl.zst"
    file.write_bytes(packing.zstandard.ZstdCompressor().compress(b'{"a":1}\n'))
    monkeypatch.setattr(packing, "zstandard", None)
    found = InputFile(str(file), file.stat().st_size, "")
    (look,) = look_at_files([found], LinesConfig(path=str(file)))
    assert "the package zstandard is not installed" in look.problem
