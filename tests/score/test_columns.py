"""Columns as corpora have them: of types that differ, in structs, missing, doubled."""

import random

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import fault_engine
from tests.jobs import prose, read_rewards
from tests.score.hostile_runs import run, write

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_every_type_that_holds_text_is_read_alike(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(6)] + [None]
    kinds = {
        "string": pa.string(), "large": pa.large_string(), "binary": pa.binary(),
        "large_binary": pa.large_binary(), "view": pa.string_view(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
    }  # fmt: skip
    for name, kind in kinds.items():
        column = pa.array(texts, pa.string())
        column = column.dictionary_encode() if name == "dictionary" else column.cast(kind)
        write(tmp_path / "in", name, column)
    assert run(caplog, tmp_path)[0] == 0
    rows = read_rewards(tmp_path / "out")
    by_file = {}
    for row in rows:
        by_file.setdefault(row["source_file"], []).append((row["reward"], row["status"]))
    assert len(by_file) == len(kinds) and len({tuple(v) for v in by_file.values()}) == 1


def write_table(folder, name, **columns):
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def schemas(output):
    return {pq.read_schema(path).remove_metadata() for path in (output / "rewards").iterdir()}


def test_types_that_differ_between_files_are_written_as_one(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(3)]
    poison = f"{texts[2]} {fault_engine.POISON['nan']} {texts[2]}"
    lang = pa.array(["en", "fr", None])
    write_table(
        tmp_path / "in", "a", id=pa.array([1, 2, 3], pa.int16()), text=[*texts[:2], poison],
        lang=lang.dictionary_encode(),
    )  # fmt: skip
    write_table(tmp_path / "in", "b", id=pa.nulls(3), text=pa.nulls(3), lang=pa.nulls(3))
    write_table(
        tmp_path / "in", "c", id=pa.array([7, 8, 2**40]), text=pa.array(texts, pa.large_string()),
        lang=lang.cast(pa.large_string()),
    )  # fmt: skip
    keep = {"input_keep": "lang", "run_max_failed_fraction": 1}
    status, log = run(caplog, tmp_path, **keep)
    assert status == 0
    first = f"in the files it is int16 (first in {tmp_path}/in/a.parquet)"
    assert f"column 'id' is written as int64; {first}" in log
    (schema,) = schemas(tmp_path / "out")
    assert schema.field("id").type == pa.int64() and schema.field("lang").type == pa.large_string()
    rows = read_rewards(tmp_path / "out")
    assert [row["id"] for row in rows] == [1, 2, 3, None, None, None, 7, 8, 2**40]
    assert [row["lang"] for row in rows] == ["en", "fr", None, *[None] * 3, "en", "fr", None]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", *["empty"] * 3, *["ok"] * 3]
    assert duckdb.sql(f"SELECT sum(id) FROM '{tmp_path}/out/rewards/*.parquet'").fetchall() == [
        (2**40 + 21,)
    ]

    write_table(tmp_path / "in", "d", id=pa.array([9], pa.int8()), text=texts[:1], lang=["de"])
    assert run(caplog, tmp_path, **keep)[0] == 0 and schemas(tmp_path / "out") == {schema}
    write_table(tmp_path / "in", "e", id=["ten"], text=texts[:1], lang=["de"])
    status, log = run(caplog, tmp_path, **keep)
    assert status == 2 and f"cast 'id' to int64 in {tmp_path}/in/e.parquet, or begin" in log
    (tmp_path / "in" / "e.parquet").unlink()
    assert run(caplog, tmp_path, **keep)[0] == 0 and len(read_rewards(tmp_path / "out")) == 10


def test_columns_that_some_files_lack_are_null_there_where_that_is_said(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(2)]
    url = [{"url": "u", "n": [1]}, None]
    write_table(tmp_path / "in", "a", id=[1, 2], text=texts, meta=url)
    write_table(tmp_path / "in", "b", text=texts)
    status, log = run(caplog, tmp_path, input_keep="meta,meta.url")
    assert status == 2 and "input.keep" in log and "b.parquet has no column 'meta'" in log
    status, _ = run(caplog, tmp_path, input_keep="meta,meta.url", input_missing_columns="null")
    assert status == 0 and len(schemas(tmp_path / "out")) == 1
    rows = read_rewards(tmp_path / "out")
    assert [row["id"] for row in rows] == [1, 2, None, None]
    assert [row["meta"] for row in rows] == [*url, None, None]
    assert [row["meta.url"] for row in rows] == ["u", None, None, None]
    assert [row["reward"] for row in rows[:2]] == [row["reward"] for row in rows[2:]]
    # the run goes on with either setting: no reward depends on it
    assert run(caplog, tmp_path, input_keep="meta,meta.url")[0] == 0


def test_documents_and_copies_lie_in_structs(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(3)]
    write_table(tmp_path / "flat" / "in", "a", id=[0, 1, 2, 3], text=[*texts, None])
    doc = [*({"text": text, "html": "<b>" * 9} for text in texts), None]
    meta = [{"id": i, "from": {"url": f"u{i}"}} for i in range(4)]
    write_table(tmp_path / "deep" / "in", "a", doc=doc, meta=meta)
    assert run(caplog, tmp_path / "flat")[0] == 0
    columns = {"input_text": "doc.text", "input_id": "meta.id", "input_keep": "meta.from.url"}
    assert run(caplog, tmp_path / "deep", **columns)[0] == 0
    flat, deep = (read_rewards(tmp_path / name / "out") for name in ("flat", "deep"))
    assert [row.pop("meta.from.url") for row in deep] == ["u0", "u1", "u2", "u3"]
    for row in flat + deep:
        del row["source_file"]
    assert flat == deep and flat[3]["status"] == "empty"
    parts = f"{tmp_path}/deep/out/rewards"
    urls = duckdb.sql(f"""SELECT "meta.from.url" FROM '{parts}/*.parquet'""").fetchall()
    assert urls == [("u0",), ("u1",), ("u2",), ("u3",)]
    assert polars.read_parquet(parts)["meta.from.url"].to_list() == ["u0", "u1", "u2", "u3"]
    status, _ = run(caplog, tmp_path / "deep", "--dry-run", **columns)
    assert status == 0


def test_two_columns_of_one_name_are_refused_only_where_one_is_needed(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    table = pa.table(
        [["a", "b"], [1, 2], [3, 4], [prose(random.Random(i), 80) for i in range(2)]],
        names=["id", "n", "n", "text"],
    )
    pq.write_table(table, tmp_path / "in" / "twice.parquet")
    status, log = run(caplog, tmp_path, input_keep="n")
    assert status == 2 and log.count("ERROR") == 1
    assert f"input.keep: {tmp_path}/in/twice.parquet has 2 columns 'n', and it is not clear" in log
    assert run(caplog, tmp_path)[0] == 0
    assert [row["status"] for row in read_rewards(tmp_path / "out")] == ["ok", "ok"]
