"""Lance datasets: every row of one version, with its value, its type and its address."""

import datetime
import json
import shutil
import sys
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import CorpusConfig, InputConfig, StorageConfig
from rm_ray.convert.__main__ import main
from rm_ray.corpus.files import list_files
from rm_ray.corpus.tables.opening import refuse_table
from rm_ray.errors import InputError
from rm_ray.status.__main__ import main as status_of
from rm_ray.store.filesystem import open_filesystem
from tests.convert.lines import manifest, options, run, written

lance = pytest.importorskip("lance")
bfloat16_array = pytest.importorskip("lance.arrow").bfloat16_array

SMALL = {"shard_mb": 0.02, "output_row_group_mb": 0.02, "output_file_mb": 0.001}
NAN = float("nan")
DAY = datetime.date(1969, 12, 31)
VALUES = {
    "double": pa.array([NAN, -0.0, None, float("-inf")]),
    "half": pa.array(np.array([1.5, NAN, -0.0, 65504], np.float16)),
    "unsigned": pa.array([2**64 - 1, 0, None, 1], pa.uint64()),
    "decimal": pa.array([Decimal("1.10"), None, Decimal("-99.99"), Decimal("0.00")]),
    "wide": pa.array([Decimal("1.1"), None, Decimal("-9.9"), None], pa.decimal256(60, 1)),
    "zoned": pa.array([1, None, -1, 2**50], pa.timestamp("us", "Europe/Berlin")),
    "nanos": pa.array([1, None, 2**62 + 1, -1], pa.timestamp("ns")),
    "day": pa.array([DAY, None, DAY, DAY]),
    "text": ["", None, "é😀\n", "x" * 5000],
    "large": pa.array(["", None, "a", "b"], pa.large_string()),
    "bytes": pa.array([b"", None, b"\x00\xff", b"b"], pa.large_binary()),
    "fixed": pa.array([b"abc", None, b"xyz", b"\0\0\0"], pa.binary(3)),
    "lists": pa.array([[["a", None], None], None, [], [[]]], pa.list_(pa.list_(pa.string()))),
    "vector": pa.array([[1, 2], None, [NAN, -0.0], [5, 6]], pa.list_(pa.float32(), 2)),
    "struct": pa.array(
        [{"a": 1, "b": None}, None, {"a": None, "b": [{"c": "x"}, None]}, {"a": 2, "b": []}],
        pa.struct([("a", pa.int8()), ("b", pa.list_(pa.struct([("c", pa.string())])))]),
    ),
    "map": pa.array([[("k", 1)], None, [], [("m", None)]], pa.map_(pa.string(), pa.int16())),
    "none": pa.nulls(4),
}


def make(folder, rows=900, per_file=400) -> str:
    """A dataset of three fragments, with deleted rows; the second fragment has none left."""
    numbers = range(rows)
    table = pa.table({"id": numbers, "text": [f"document {n} " * (n % 40) for n in numbers]})
    dataset = lance.write_dataset(table, folder, max_rows_per_file=per_file)
    dataset.delete("id % 7 = 0")
    dataset.delete(f"id >= {per_file} and id < {2 * per_file}")
    return str(folder)


def whole(output, by="row_address") -> pa.Table:
    files = sorted((output / "corpus").rglob("*.parquet"))
    return pa.concat_tables(pq.ParquetFile(path).read() for path in files).sort_by(by)


def by_lance(folder, version=None) -> pa.Table:
    """The rows as Lance's own scan gives them, with the added columns."""
    rows = lance.dataset(folder, version=version).to_table(with_row_address=True)
    address = rows.column("_rowaddr").cast(pa.int64())
    source = pa.array([str(folder)] * len(rows))
    return rows.drop_columns("_rowaddr").append_column("source_file", source).append_column(
        "row_address", address
    )  # fmt: skip


def test_rows_of_several_fragments_without_deleted_ones(tmp_path, caplog, capsys):
    folder = make(tmp_path / "it's 100%20 é.lance")
    words = {"input_path": f"lance:{folder}"}
    for name, more in (("whole", {}), ("cut", SMALL)):
        status, log = run(caplog, output_path=tmp_path / name, **words, **more)
        assert status == 0, log
        assert whole(tmp_path / name).equals(by_lance(folder))
    assert "428 rows of version 3 converted" in log and "2 fragments, " in log
    shards = {name: json.loads((tmp_path / name / "_SUCCESS").read_text())["shards"]
              for name in ("whole", "cut")}  # fmt: skip
    assert shards["whole"] == 2 < shards["cut"]
    told = manifest(tmp_path / "whole")
    assert told["dataset"] == {"path": folder, "version": 3}
    assert [(one["rows"], one["deleted"]) for one in told["fragments"]] == [(342, 58), (86, 14)]
    assert told["totals"]["rows"] == 428 and "rejected" not in told["totals"]
    assert status_of([str(tmp_path / "cut")]) == 0
    assert f"{shards['cut']} of {shards['cut']} done" in capsys.readouterr().out


def test_a_dry_run_writes_nothing_and_shows_the_version(tmp_path, caplog, capsys):
    folder = make(tmp_path / "a.lance")
    words = options(input_path=f"lance:{folder}", output_path=tmp_path / "out")
    assert main([*words, "--dry-run"]) == 0
    page = capsys.readouterr().out
    assert f"{folder}, version 3\n" in page and "428; 72 deleted rows are left out" in page
    assert "    id: int64\n" in page and "row_address: added (output.row_address)" in page
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_values_and_types_stay_as_they_are(version, tmp_path, caplog):
    columns = dict(VALUES)
    if version == "2.1":
        del columns["map"]  # Lance has maps from 2.2 on
    table = pa.table({"n": range(4), **columns})
    lance.write_dataset(table, tmp_path / "a.lance", data_storage_version=version)
    out, words = tmp_path / "out", {"output_source_file": "null", "output_row_address": "null"}
    status, log = run(caplog, input_path=f"lance:{tmp_path}/a.lance", output_path=out, **words)
    assert status == 0, log
    found = whole(out, "n")
    assert found.schema.equals(table.schema)
    for name in table.column_names:
        assert str(found[name].to_pylist()) == str(table[name].to_pylist()), name  # NaN is NaN


def test_blobs_json_and_dictionaries_are_their_values(tmp_path, caplog):
    blob = pa.field("blob", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    ids = [uuid.UUID(int=5).bytes, None, uuid.UUID(int=6).bytes]
    json_text = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}', None, "[]"]))
    words = pa.array(["a", None, "b"]).dictionary_encode()
    blobs = [b"x" * 300_000, None, b""]
    columns = {"n": pa.array([0, 1, 2]), "blob": pa.array(blobs, pa.large_binary()),
               "uuid": pa.array(ids, pa.uuid()), "json": json_text, "words": words,
               "within": pa.ListArray.from_arrays([0, 1, 2, 3], words)}  # fmt: skip
    schema = pa.schema([blob if name == "blob" else pa.field(name, column.type)
                        for name, column in columns.items()])  # fmt: skip
    table = pa.table(columns, schema)
    lance.write_dataset(table, tmp_path / "a.lance")
    lance.write_dataset(table.drop_columns(["uuid"]), tmp_path / "old.lance",
                        data_storage_version="2.0")  # fmt: skip
    for name in ("a", "old"):
        out = tmp_path / name
        status, log = run(caplog, input_path=f"lance:{tmp_path}/{name}.lance", output_path=out)
        assert status == 0, log
        found = whole(out)
        assert found["blob"].to_pylist() == blobs
        assert found["json"].to_pylist() == ['{"a":1}', None, "[]"]
        assert found["words"].to_pylist() == ["a", None, "b"]
        assert found["within"].to_pylist() == [["a"], [None], ["b"]]
        assert {str(found.schema.field(name).type) for name in ("json", "words")} == {"string"}
    uuids = whole(tmp_path / "a")["uuid"].to_pylist()
    assert uuids == [str(uuid.UUID(int=5)), None, str(uuid.UUID(int=6))]


REFUSED = {
    "an extension type (lance.bfloat16)": lambda: bfloat16_array([1.5]),
    "Parquet holds whole days only": lambda: pa.array([1], pa.date64()),
    "most readers would see a bare number": lambda: pa.array([1], pa.duration("us")),
    "an extension type (arrow.bool8)": lambda: pa.ListArray.from_arrays(
        [0, 1], pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_types_that_parquet_does_not_hold(said, tmp_path, caplog):
    lance.write_dataset(pa.table({"id": [1], "odd": REFUSED[said]()}), tmp_path / "a.lance")
    words = {"input_path": f"lance:{tmp_path}/a.lance", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 2 and f"the column 'odd' of lance:{tmp_path}/a.lance is " in log
    assert said in log and "drop_columns" in log and not (tmp_path / "out").exists()


def test_a_value_that_parquet_does_not_hold_is_told_for_good(tmp_path, caplog):
    seconds = pa.array([0, 2**62], pa.timestamp("s"))
    lance.write_dataset(pa.table({"id": [1, 2], "at": seconds}), tmp_path / "a.lance")
    words = {"input_path": f"lance:{tmp_path}/a.lance", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 1 and "Parquet does not hold a value" in log and "cast its column" in log


def test_a_shard_whose_receipt_is_lost_gets_the_same_bytes(tmp_path, caplog):
    folder, out = make(tmp_path / "a.lance", rows=9_000, per_file=4_000), tmp_path / "out"
    words = {"input_path": f"lance:{folder}", "output_path": out, **SMALL, "shard_mb": 0.3}
    assert run(caplog, **words)[0] == 0
    before = written(out)
    files = {receipt: list(json.loads(receipt.read_text())["files"])
             for receipt in (out / "_rm_ray/done").iterdir()}  # fmt: skip
    *_, second, first = sorted(files, key=lambda receipt: len(files[receipt]))
    assert len(files) > 2 and len(files[first]) > 1
    for lost in (first, second, out / "_SUCCESS", out / files[first][0]):  # a file of `first` stays
        lost.unlink()
    lance.write_dataset(pa.table({"id": [5], "text": ["new"]}), folder, mode="append")
    status, log = run(caplog, **words)
    assert status == 0, log
    assert "is at version 4 now; this run converts version 3, which it has planned" in log
    assert written(out) == before


def test_another_version_needs_another_output(tmp_path, caplog):
    folder = make(tmp_path / "a.lance")
    words = {"input_path": f"lance:{folder}", "output_path": tmp_path / "out"}
    assert run(caplog, **words, input_snapshot=2)[0] == 0
    assert whole(tmp_path / "out").equals(by_lance(folder, 2))
    status, log = run(caplog, **words, input_snapshot=1)
    assert status == 2 and "has version 2 of" in log and "an --output.path of its own" in log
    status, log = run(caplog, **words | {"output_path": tmp_path / "none"}, input_snapshot=9)
    assert status == 2 and f"version 9 of lance:{folder} cannot be opened" in log
    shutil.copytree(folder, tmp_path / "b.lance")
    status, log = run(caplog, **words | {"input_path": f"lance:{tmp_path}/b.lance"})
    assert status == 2 and "input.path" in log and "settings" in log


def test_a_dataset_that_was_written_anew_is_not_mixed(tmp_path, caplog):
    folder, out = tmp_path / "a.lance", tmp_path / "out"
    words = {"input_path": f"lance:{folder}", "output_path": out}
    lance.write_dataset(pa.table({"id": [1, 2]}), folder)
    assert run(caplog, **words)[0] == 0
    for lost in (out / "_rm_ray/done").iterdir():
        lost.unlink()
    shutil.rmtree(folder)
    lance.write_dataset(pa.table({"id": [3, 4]}), folder)
    status, log = run(caplog, **words)
    assert status == 1 and "has other files than when it was planned" in log
    assert whole(out)["id"].to_pylist() == [1, 2]


def test_an_empty_dataset_has_a_table_without_rows(tmp_path, caplog):
    folder, out = tmp_path / "a.lance", tmp_path / "out"
    words = {"input_path": f"lance:{folder}", "output_path": out}
    lance.write_dataset(pa.table({"id": pa.array([], pa.int64())}), folder)
    assert run(caplog, **words)[0] == 0
    assert whole(out).num_rows == 0 and whole(out).schema.names[0] == "id"


def test_refusals(tmp_path, caplog, monkeypatch):
    folder, out = make(tmp_path / "a.lance"), tmp_path / "out"
    clash = {"input_path": f"lance:{folder}", "output_row_address": "id"}
    cases = {
        f"{folder} is a Lance dataset, whose files are not Parquet": {"input_path": folder},
        "an input of its own": {"input_path": f"[lance:{folder}, {tmp_path}]"},
        "cannot be opened as a Lance dataset": {"input_path": f"lance:{tmp_path}"},
        "the dataset has a column 'id'": clash,
        "need different names": clash | {"output_row_address": "source_file"},
        "snapshot names a version": {"input_path": tmp_path, "input_snapshot": 1},
        "types.extra is a key of JSON Lines": {
            "input_path": f"lance:{folder}", "types_extra": "reject"
        },
        "output.row_address is a key of Lance datasets, and input.path names none: leave it": {
            "input_path": tmp_path, "output_row_address": "address"
        },
        "does not read its own output": {"input_path": f"lance:{out}/a.lance"},
    }  # fmt: skip
    for said, changes in cases.items():
        status, log = run(caplog, output_path=out, **changes)
        assert status == 2 and said in log, (said, log)
    monkeypatch.setitem(sys.modules, "lance", None)
    status, log = run(caplog, output_path=out, input_path=f"lance:{folder}")
    assert status == 2 and "needs the package pylance: pip install 'rm_ray[lance]'" in log


def test_other_jobs_say_the_command_that_converts():
    command = "python jobs/convert.py --input.path lance:x --output.path converted"
    for config in (InputConfig(path="lance:x"), CorpusConfig(path="lance:x")):
        with pytest.raises(InputError, match=command):
            list_files(config)
    with pytest.raises(InputError, match=command):
        refuse_table(InputConfig(path="lance:x"), "a selection")


def test_a_dataset_in_s3(s3_bucket, s3_endpoint, tmp_path, caplog, monkeypatch):
    folder, place = make(tmp_path / "a.lance"), f"s3://{s3_bucket}/lance/a.lance"
    open_filesystem(place, StorageConfig()).put(f"{folder}/", f"{place}/", recursive=True)
    # nothing but the configuration says where the store is, and which credentials it takes
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"LANCE_TEST_{name}", "testing")
        monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    words = {"input_path": f"lance:{place}", "output_path": tmp_path / "out"}
    storage = {"endpoint_url": s3_endpoint, "region": "us-east-1",
               "environment_prefix": "LANCE_TEST_"}  # fmt: skip
    more = [word for key, value in storage.items() for word in (f"--input.storage.{key}", value)]
    status, log = run(caplog, *more, **words)
    assert status == 0, log
    added = ["source_file", "row_address"]
    assert whole(tmp_path / "out").drop_columns(added).equals(
        by_lance(folder).drop_columns(added)
    )  # fmt: skip
    assert whole(tmp_path / "out")["source_file"].unique().to_pylist() == [place]
