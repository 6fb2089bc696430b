"""Columns of types that databases write, from the corpus to the rewards."""

import datetime
import random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.encrypted import write_encrypted
from tests.jobs import prose, read_rewards
from tests.score.hostile_runs import run

pytestmark = pytest.mark.usefixtures("ray_cluster")

FAR = datetime.datetime(9999, 12, 31)
ID = "0b5e0000-0000-4000-8000-00000000000"


def test_a_corpus_of_databases_is_scored_and_its_values_are_kept(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(2)]
    folder = tmp_path / "in"
    folder.mkdir()
    rows = ", ".join(f"('{text}', '{ID}{i}')" for i, text in enumerate(texts))
    duckdb.sql(f"""COPY (
        SELECT ('"' || t || '"')::JSON AS text, i::UUID AS id, TIMESTAMP '9999-12-31' AS until,
            {{'u': i::UUID, 'j': '{{}}'::JSON}} AS meta
        FROM (VALUES {rows}) AS rows(t, i)) TO '{folder}/a.parquet'""")
    # nanoseconds hold no year 9999, and no value here has any
    columns = {
        "text": [f'"{text}"' for text in texts], "id": ["c", None],
        "until": pa.array([0, None], pa.timestamp("ns")),
        "meta": pa.array([{"u": "v", "j": None}, None]), "secret": ["x", "y"],
    }  # fmt: skip
    write_encrypted(folder / "b.parquet", columns, ["secret"])
    status, log = run(caplog, tmp_path, input_keep="until,meta")
    assert status == 0
    written = "column 'until' is written as timestamp[us]; "
    assert f"{written}in the files it is timestamp[us] (first in " in log
    found = read_rewards(tmp_path / "out")
    assert [row["id"] for row in found] == [f"{ID}0", f"{ID}1", "c", None]
    assert [row["until"] for row in found] == [FAR, FAR, datetime.datetime(1970, 1, 1), None]
    assert [row["meta"] for row in found] == [
        {"u": f"{ID}0", "j": "{}"}, {"u": f"{ID}1", "j": "{}"}, {"u": "v", "j": None}, None,
    ]  # fmt: skip
    assert [row["status"] for row in found] == ["ok"] * 4
    assert [row["reward"] for row in found[:2]] == [row["reward"] for row in found[2:]]
    shown = duckdb.sql(f"SELECT DISTINCT typeof(id) FROM '{tmp_path}/out/rewards/*.parquet'")
    assert shown.fetchall() == [("VARCHAR",)]


def test_values_that_would_change_are_refused_before_anything_is_judged(tmp_path, caplog):
    folder = tmp_path / "in"
    folder.mkdir()
    fine = {"text": ["t"], "until": pa.array([1], pa.timestamp("ns"))}
    pq.write_table(pa.table(fine), folder / "a.parquet", use_deprecated_int96_timestamps=True)
    asked = {"input_id": "null", "input_keep": "until"}
    status, log = run(caplog, tmp_path, **asked)
    assert status == 2 and f"input.keep: column 'until' of {folder}/a.parquet is INT96" in log
    pq.write_table(pa.table(fine), folder / "a.parquet")
    far = {"text": ["t"], "until": pa.array([FAR], pa.timestamp("us"))}
    pq.write_table(pa.table(far), folder / "b.parquet")
    status, log = run(caplog, tmp_path, **asked)
    assert (
        status == 2 and f"column 'until' is timestamp[us] in {folder}/b.parquet and cannot" in log
    )
    assert not (tmp_path / "out" / "rewards").exists()
