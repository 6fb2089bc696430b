"""Footers: which columns cannot be read as they are, and what is refused for them."""

import datetime
import os

import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import _read_footer, check_columns, check_readable, read_footers
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import InputError
from tests.encrypted import write_encrypted

TEXTS = {"id": ["a", "b"], "text": ["one", "two"], "until": pa.array([1, 2], pa.timestamp("ns"))}


def listed(path):
    return InputFile(str(path), path.stat().st_size, "v")


def refused(path, **config):
    """What is said of a file; "" if nothing."""
    asked = InputConfig(path=str(path), **config)
    try:
        check_columns(listed(path), _read_footer(listed(path), asked), asked)
    except InputError as error:
        return str(error)
    return ""


def test_an_encrypted_column_is_refused_where_it_is_asked_for(tmp_path):
    path = tmp_path / "a.parquet"
    write_encrypted(path, TEXTS, ["text"])
    said = f"column 'text' of {path} is encrypted; decrypt it before the run"
    assert refused(path) == f"input.text: {said}"
    assert refused(path, text="id", keep=["text"]) == f"input.keep: {said}"
    assert refused(path, text="id", id="text") == f"input.id: {said}"
    assert refused(path, text="id", id=None, keep=["until"]) == ""


def test_a_column_of_a_type_that_pyarrow_lacks_is_refused_where_it_is_asked_for(tmp_path):
    path = tmp_path / "a.parquet"
    numbers = polars.Series("n", [1, 2**100], polars.Int128)
    polars.DataFrame({"id": ["a", "b"], "text": ["one", "two"], "n": numbers}).write_parquet(path)
    assert f"input.keep: column 'n' of {path} is of a type that pyarrow lacks" in refused(
        path, keep=["n"]
    )
    assert refused(path) == ""


def test_a_file_that_is_encrypted_as_a_whole_is_a_bad_file(tmp_path):
    path = tmp_path / "a.parquet"
    write_encrypted(path, TEXTS, ["text"], plaintext_footer=False)
    found = _read_footer(listed(path), InputConfig(path=str(path)))
    assert isinstance(found, Unreadable) and found.bad_file
    assert str(path) in str(found) and "encrypted; decrypt the file before the run" in str(found)


def test_int96_that_microseconds_do_not_hold_is_refused_where_its_values_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(TEXTS), path, use_deprecated_int96_timestamps=True)
    said = f"column 'until' of {path} is INT96, which is read as microseconds, and they do not hold"
    assert f"input.keep: {said} 1970-01-01T00:00:00.000000001" in refused(path, keep=["until"])
    assert f"input.id: {said}" in refused(path, id="until")
    assert refused(path) == ""
    corpus = CorpusConfig(path=str(path))
    assert _read_footer(listed(path), corpus).unreadable == {}
    footer = _read_footer(listed(path), corpus, None, ["until", "gone"])
    with pytest.raises(InputError, match=r"rule.by: column 'until' of .* is INT96"):
        check_readable("rule.by", "until", str(path), footer.unreadable)
    far = TEXTS | {"until": pa.array([datetime.datetime(9999, 12, 31)] * 2, pa.timestamp("us"))}
    pq.write_table(pa.table(far), path, use_deprecated_int96_timestamps=True)
    assert refused(path, keep=["until"]) == ""


def test_texts_of_databases_are_documents_and_uuids_are_not(tmp_path):
    path = tmp_path / "a.parquet"
    text = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None]))
    raw = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16, None], pa.binary(16)))
    turns = pa.ListArray.from_arrays([0, 1, 2], text)
    pq.write_table(pa.table({"text": text, "id": raw, "turns": turns}), path)
    assert refused(path) == refused(path, text=None, messages="text", tools="turns") == ""
    assert refused(path, text=None, messages="turns") == ""
    assert refused(path, text=None, prompt="text", completion="text") == ""
    assert refused(path, text="id").endswith(
        "is extension<arrow.uuid>, not text; text columns: text"
    )


class EndAt:
    """Ends the process that looks at a file of this size."""

    def __init__(self, size):
        self.size = size

    def __call__(self, file):
        if file.seek(0, 2) == self.size:
            os._exit(1)
        return "looked at"


@pytest.mark.usefixtures("ray_cluster")
def test_a_file_that_ends_its_process_costs_its_neighbours_nothing(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    for path in paths:
        pq.write_table(pa.table({"text": [path.name * 9 if path == paths[1] else "t"]}), path)
    files = list(map(listed, paths))
    deadly = EndAt(files[1].size)
    config = InputConfig(path=str(tmp_path), id=None, on_bad_file="skip")
    footers, skipped = read_footers(files, config, deadly)
    assert list(footers) == [files[0].path, files[2].path]
    assert {footer.described for footer in footers.values()} == {"looked at"}
    assert "b.parquet cannot be read: reading it ended the process twice" in skipped[files[1].path]
