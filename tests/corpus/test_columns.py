"""Columns by name: a column of the literal name, or a field of a struct."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig
from rm_ray.corpus.columns import places, values_of
from rm_ray.corpus.parquet import column_bytes
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.shards import Shard

DOC = [{"text": "one", "meta": {"url": "u1", "a.b": 1}}, None, {"text": None, "meta": None}]
ROWS = pa.table({"doc": DOC, "id": [1, 2, 3]})


def read(path, table, judged, **config):
    pq.write_table(table, path)
    unit = ReadUnit(str(path), {}, 0, 1, 0, (Shard(str(path), 0, len(table)),))
    ((_, rows),) = read_shards(unit, InputConfig(path=str(path), **config), [judged])
    return {name: rows.column(name).to_pylist() for name in rows.column_names}


def test_a_dotted_name_is_found_in_structs_and_may_hold_dots_itself():
    assert places(ROWS.schema, "doc.meta.url") == [("doc", "meta", "url")]
    assert places(ROWS.schema, "doc.meta.a.b") == [("doc", "meta", "a.b")]
    assert values_of(ROWS, "doc.meta.a.b").to_pylist() == [1, None, None]
    for name in ("doc.nothing", "id.text", "doc.text.x", ".", "doc.", ""):
        assert places(ROWS.schema, name) == [] and values_of(ROWS, name) is None


def test_fields_of_structs_are_read_and_null_where_the_struct_is(tmp_path):
    config = {"id": "doc.meta.url", "keep": ["doc.meta.a.b", "doc.meta"]}
    assert read(tmp_path / "f.parquet", ROWS, "doc.text", **config) == {
        "_row": [0, 1, 2],
        "_judged.doc.text": ["one", None, None],
        "id": ["u1", None, None],
        "doc.meta.a.b": [1, None, None],
        "doc.meta": [{"url": "u1", "a.b": 1}, None, None],
    }


def test_a_column_of_the_literal_name_wins(tmp_path):
    table = ROWS.append_column("doc.text", [["literal", None, "too"]])
    rows = read(tmp_path / "f.parquet", table, "doc.text", keep=["doc.text"])
    assert rows["_judged.doc.text"] == rows["doc.text"] == ["literal", None, "too"]


def test_only_the_needed_leaf_is_decoded_and_counted(tmp_path):
    heavy = [{"text": "t", "html": "x" * 500_000}] * 4
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"doc": heavy}), path, use_dictionary=False, compression="none")
    group = pq.read_metadata(path).row_group(0)
    assert 0 < column_bytes(group, "doc.text") < 1000 < 2_000_000 < column_bytes(group, "doc")
    # spoil what is not needed: it is not looked at
    data = bytearray(path.read_bytes())
    start = data.index(b"x" * 1000)
    data[start - 30 : start + 1000] = bytes(1030)
    path.write_bytes(data)
    with pytest.raises(OSError):
        pq.read_table(path)
    unit = ReadUnit(str(path), {}, 0, 1, 0, (Shard(str(path), 0, 4),))
    ((_, rows),) = read_shards(unit, InputConfig(path=str(path), id=None), ["doc.text"])
    assert rows["_judged.doc.text"].to_pylist() == ["t"] * 4


def test_two_columns_of_a_name_that_nobody_needs_harm_nobody(tmp_path):
    table = pa.table([[1, 2], [3, 4], ["a", "b"]], names=["n", "n", "text"])
    rows = read(tmp_path / "f.parquet", table, "text", id=None)
    assert rows["_judged.text"] == ["a", "b"]
