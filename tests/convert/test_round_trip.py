"""Tables that libraries write as JSON Lines come back with the same values."""

import json

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from tests.convert.lines import run, table

TABLE = pa.table(
    {
        "id": pa.array([1, 2**63 - 1, -(2**63), None], pa.int64()),
        "score": pa.array([0.1, 1e-300, -5.5, None], pa.float64()),
        "text": ['he said "é\\"\n\t\u2028', "", "日本語 😀", None],
        "ok": [True, False, None, True],
        "tags": [["a", None], [], None, ["b"]],
        "meta": [{"url": "x", "n": 1}, {"url": None, "n": 2}, None, {"url": "y", "n": None}],
        "parts": [[{"t": "a", "v": [1, 2]}], [], None, [{"t": None, "v": None}]],
    }
)


def by_duckdb(path):
    rows = TABLE
    assert len(rows) == 4
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{path}' (FORMAT json)")


def by_polars(path):
    pl.from_arrow(TABLE).write_ndjson(path)


def by_pandas(path):
    import pandas as pd

    rows = pd.DataFrame(TABLE.to_pylist())
    rows["id"] = pd.array(TABLE.column("id").to_pylist(), dtype="Int64")
    rows.to_json(path, orient="records", lines=True, double_precision=15)


def by_python(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in TABLE.to_pylist()))


@pytest.mark.parametrize("write", [by_duckdb, by_polars, by_pandas, by_python])
def test_a_round_trip(write, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.jsonl")
    expected = [
        json.loads(line) for line in (tmp_path / "in/a.jsonl").read_text().split("\n") if line
    ]
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0, log
    found = table(tmp_path / "out").drop_columns(["extra", "source_file", "line"])
    for name in TABLE.schema.names:
        values = found.column(name).to_pylist()
        given = TABLE.column(name).to_pylist()
        if write is by_pandas and name == "score":  # pandas rounds to 15 digits
            assert values == [row[name] for row in expected]
        else:
            assert values == given, name
    assert found.schema.field("id").type == pa.int64()
    assert found.schema.field("score").type == pa.float64()
