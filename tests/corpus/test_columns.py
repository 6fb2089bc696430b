"""Columns by name: a column of the literal name, or a field of a struct."""

import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig
from rm_ray.corpus.columns import (
    as_plain,
    is_chat,
    is_text,
    is_tools,
    places,
    plain,
    text_columns,
    values_of,
)
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


JSON, LARGE_JSON, UUID = pa.json_(), pa.json_(pa.large_string()), pa.uuid()
CATEGORY = pa.dictionary(pa.int8(), pa.string())


class Marked(pa.ExtensionType):
    """A type of somebody's own, stored as text."""

    def __init__(self):
        super().__init__(pa.string(), "tests.marked")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


@pytest.mark.parametrize(
    ("kind", "wide"),
    [
        (JSON, pa.string()),
        (LARGE_JSON, pa.large_string()),
        (Marked(), pa.string()),
        (UUID, pa.string()),
        (CATEGORY, pa.string()),
        (pa.binary_view(), pa.binary()),
        (pa.binary(16), pa.binary(16)),
        (pa.list_(JSON), pa.list_(pa.string())),
        (pa.list_view(UUID), pa.list_view(pa.string())),
        (pa.list_(UUID, 2), pa.list_(pa.string(), 2)),
        (pa.map_(JSON, pa.list_(UUID)), pa.map_(pa.string(), pa.list_(pa.string()))),
        (pa.struct([("a", JSON)]), pa.struct([("a", pa.string())])),
    ],
    ids=str,
)  # fmt: skip
def test_the_plain_type_says_no_more_than_the_values_need(kind, wide):
    assert plain(kind) == wide and plain(wide) == wide


def test_which_types_hold_texts_chats_and_tools():
    texts = (JSON, LARGE_JSON, Marked(), CATEGORY, pa.string_view(), pa.binary())
    assert all(map(is_text, texts)) and not any(map(is_chat, texts))
    assert not is_text(UUID) and not is_text(pa.binary(16)) and not is_text(pa.list_(JSON))
    turn = pa.struct([("role", CATEGORY), ("content", JSON)])
    assert is_chat(pa.list_(turn)) and is_chat(pa.list_(JSON)) and is_chat(pa.list_view(JSON))
    assert is_tools(JSON) and is_tools(pa.list_(JSON)) and not is_tools(pa.int8())
    schema = pa.schema([("a", JSON), ("s", pa.struct([("b", Marked()), ("u", UUID)]))])
    assert list(text_columns(schema)) == ["a", "s.b"]


IDS = [uuid.UUID(int=number) for number in range(1, 5)]
SHOWN = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(1, 5)]


def of_uuids(null=None):
    raw = [None if i == null else one.bytes for i, one in enumerate(IDS)]
    return pa.ExtensionArray.from_storage(UUID, pa.array(raw, pa.binary(16)))


def test_uuids_are_text_wherever_they_lie():
    assert as_plain(of_uuids(null=2)).to_pylist() == [*SHOWN[:2], None, SHOWN[3]]
    for list_array, number in ((pa.ListArray, pa.int32()), (pa.LargeListArray, pa.int64())):
        lists = list_array.from_arrays(pa.array([0, 1, None, 4], number), of_uuids())
        assert as_plain(lists).to_pylist() == [SHOWN[:1], SHOWN[1:], None]
        assert as_plain(lists.slice(1)).to_pylist() == [SHOWN[1:], None]
    for view_array, number in ((pa.ListViewArray, pa.int32()), (pa.LargeListViewArray, pa.int64())):
        starts, sizes = pa.array([2, 0, 1], number), pa.array([2, 1, 1], number)
        views = view_array.from_arrays(starts, sizes, of_uuids())
        assert as_plain(views).to_pylist() == [SHOWN[2:], SHOWN[:1], SHOWN[1:2]]
        assert as_plain(views.slice(1)).to_pylist() == [SHOWN[:1], SHOWN[1:2]]
    assert as_plain(pa.FixedSizeListArray.from_arrays(of_uuids(), 2).slice(1)).to_pylist() == [
        SHOWN[2:]
    ]
    maps = pa.MapArray.from_arrays([0, 1, 3], pa.array(["a", "b", "c"]), of_uuids().slice(0, 3))
    assert as_plain(maps.slice(1)).to_pylist() == [[("b", SHOWN[1]), ("c", SHOWN[2])]]
    mask = pa.array([False, True, False, False])
    structs = pa.StructArray.from_arrays([of_uuids(null=2)], ["u"], mask=mask).slice(1)
    chunks = pa.chunked_array([structs, structs.slice(2)])
    assert as_plain(chunks).to_pylist() == [None, {"u": None}, {"u": SHOWN[3]}, {"u": SHOWN[3]}]
    assert as_plain(pa.chunked_array([], UUID)).type == pa.string()


def test_types_of_databases_are_read_as_their_plain_values(tmp_path):
    path = tmp_path / "f.parquet"
    duckdb.sql(f"""COPY (SELECT '{{"a": 1}}'::JSON AS text, '{SHOWN[0]}'::UUID AS id,
        'x'::ENUM('x', 'y') AS kind, ['{{}}'::JSON] AS tools,
        MAP{{'k': '{SHOWN[1]}'::UUID}} AS seen,
        {{'u': '{SHOWN[1]}'::UUID, 'l': ['[]'::JSON]}} AS meta) TO '{path}'""")
    config = InputConfig(path=str(path), keep=["text", "kind", "meta", "meta.u", "seen"])
    unit = ReadUnit(str(path), {}, 0, 1, 0, (Shard(str(path), 0, 1),))
    ((_, rows),) = read_shards(unit, config, ["text", "tools"])
    assert rows.to_pylist() == [{
        "_row": 0, "_judged.text": '{"a": 1}', "_judged.tools": ["{}"], "id": SHOWN[0],
        "text": '{"a": 1}', "kind": "x", "meta": {"u": SHOWN[1], "l": ["[]"]}, "meta.u": SHOWN[1],
        "seen": [("k", SHOWN[1])],
    }]  # fmt: skip
    assert rows.schema.field("id").type == rows.schema.field("text").type == pa.string()
