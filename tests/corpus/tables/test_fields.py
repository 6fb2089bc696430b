"""Columns of a file by the names of its table."""

import pyarrow as pa
import pytest

from rm_ray.corpus.tables.fields import (
    ID_KEY,
    TableField,
    TableFields,
    by_table_names,
    renamed_within,
    table_name,
)

TEXT, LONG = pa.string(), pa.int64()


def field(name, number=None, kind=TEXT, stored=None, inner=()) -> TableField:
    return TableField(name, kind, (stored or name,), number, tuple(inner))


def found(*columns) -> pa.Schema:
    """Each column as (name, type, field id or None)."""
    return pa.schema(
        pa.field(name, kind, metadata={ID_KEY: str(number)} if number else None)
        for name, kind, number in columns
    )


def test_a_renamed_column_is_found_by_its_id_and_a_new_one_is_null():
    fields = TableFields((field("id", 1, LONG), field("text", 2), field("lang", 3)))
    shown = fields.show(found(("id", pa.int32(), 1), ("body", TEXT, 2), ("old", TEXT, 9)))
    assert shown.names == {"text": "body", "lang": None, "body": None, "old": None}
    # the file's own type stays, and a column that it lacks has the table's
    assert shown.schema == pa.schema({"id": pa.int32(), "text": TEXT, "lang": TEXT})
    assert not shown.unreadable
    rows = pa.table({"id": pa.array([1], pa.int32()), "body": ["x"], "old": ["y"]})
    wanted = ["id", "text", "lang", "old", "nowhere"]
    assert by_table_names(rows, shown.names, wanted).to_pylist() == [
        {"id": 1, "text": "x", "lang": None, "old": None}
    ]
    assert table_name(shown.names, "body") == "text"
    assert table_name(shown.names, "id") == "id"


def test_columns_that_have_changed_names_with_each_other_are_told_apart():
    fields = TableFields((field("a", 1), field("b", 2)))
    shown = fields.show(found(("b", TEXT, 1), ("a", TEXT, 2)))
    assert shown.names == {"a": "b", "b": "a"}
    rows = pa.table({"b": ["one"], "a": ["two"]})
    assert by_table_names(rows, shown.names, ["a", "b"]).to_pylist() == [{"a": "one", "b": "two"}]


def test_a_column_that_was_dropped_and_added_again_is_another_one():
    shown = TableFields((field("a", 5),)).show(found(("a", TEXT, 1)))
    assert shown.names == {"a": None}
    rows = pa.table({"a": ["of the dropped column"]})
    assert by_table_names(rows, shown.names, ["a"]).to_pylist() == [{"a": None}]


def test_a_struct_that_was_dropped_and_added_again_shares_no_field_with_the_old_one():
    """Its field is not read from the old struct, even if it is asked for by its own name."""
    at = field("at", 7, pa.struct({"day": TEXT}), inner=[field("day", 8)])
    meta = field("meta", 5, pa.struct({"url": TEXT, "at": at.type}), inner=[field("url", 6), at])
    old = pa.struct({"url": TEXT, "gone": TEXT, "at": pa.struct({"day": TEXT})})
    fields = TableFields((field("text", 2), meta))
    shown = fields.show(found(("text", TEXT, 2), ("meta", old, 1)))
    rows = pa.table({"meta": [{"url": "old", "gone": "old", "at": {"day": "old"}}]})
    wanted = ["meta", "meta.url", "meta.at", "meta.at.day", "meta.gone"]
    (row,) = by_table_names(rows, shown.names, wanted).to_pylist()
    assert row == dict.fromkeys(wanted)
    assert renamed_within(shown.names, "meta") == []  # the whole struct is null, and may be kept


def test_the_name_of_a_struct_that_was_renamed_may_be_given_to_a_new_one():
    source = field("source", 1, pa.struct({"url": TEXT}), inner=[field("url", 4)])
    meta = field("meta", 5, pa.struct({"url": TEXT}), inner=[field("url", 6)])
    old = pa.struct([pa.field("url", TEXT, metadata={ID_KEY: "4"})])
    shown = TableFields((source, meta)).show(found(("meta", old, 1)))
    rows = pa.table({"meta": [{"url": "old"}]})
    wanted = ["source.url", "meta.url"]
    assert by_table_names(rows, shown.names, wanted).to_pylist() == [
        {"source.url": "old", "meta.url": None}
    ]


def test_fields_of_structs_are_found_too():
    inner = (field("text", 2), field("n", 3, LONG))
    doc = field("doc", 1, pa.struct({"text": TEXT, "n": LONG}), inner=inner)
    kind = pa.struct(
        [pa.field("t", TEXT, metadata={ID_KEY: "2"}), pa.field("x", TEXT, metadata={ID_KEY: "8"})]
    )
    shown = TableFields((doc,)).show(found(("d", kind, 1)))
    assert shown.names["doc.text"] == "d.t"
    assert shown.names["doc.n"] is None
    assert shown.schema.field("doc").type == doc.type
    assert set(renamed_within(shown.names, "doc")) == {"doc.text", "doc.n", "doc.t", "doc.x"}
    rows = pa.table({"d": [{"t": "x", "x": "dropped"}]})
    assert by_table_names(rows, shown.names, ["doc.text", "doc.n"]).to_pylist() == [
        {"doc.text": "x", "doc.n": None}
    ]


@pytest.mark.parametrize(
    ("element", "names"),
    [
        (pa.struct({"role": TEXT, "content": TEXT}), ("role", "content")),
        (pa.struct({"role": TEXT, "words": TEXT}), None),
        (pa.struct({"role": TEXT}), None),
    ],
)
def test_a_rename_inside_a_list_is_refused(element, names):
    turn = field("element", kind=element, inner=(field("role"), field("content")))
    chats = field("chats", kind=pa.list_(element), inner=(turn,))
    shown = TableFields((chats,)).show(found(("chats", pa.list_(element), None)))
    # the filter does not copy a column that the file has otherwise than the table
    assert shown.names == ({} if names else {"chats": None})
    assert ("chats" in shown.unreadable) == (names is None)


def test_a_file_without_ids_is_refused_if_nothing_maps_its_names():
    column = TableField("text", TEXT, (), 1)
    shown = TableFields((column,)).show(found(("text", TEXT, None)))
    assert "no field id" in shown.unreadable["text"]
    mapped = TableField("text", TEXT, ("body", "text"), 1)
    shown = TableFields((mapped,)).show(found(("body", TEXT, None)))
    assert shown.names == {"text": "body", "body": None}


def test_a_column_without_an_id_beside_columns_with_one_is_not_taken_for_missing():
    shown = TableFields((field("id", 1), field("text", 2))).show(
        found(("id", TEXT, 1), ("text", TEXT, None))
    )
    assert "no field id in this file, where other columns" in shown.unreadable["text"]
    some = pa.struct([pa.field("a", TEXT), pa.field("b", TEXT, metadata={ID_KEY: "4"})])
    both = field("st", 2, some, inner=[field("a", 3), field("b", 4)])
    shown = TableFields((both,)).show(found(("st", some, 2)))
    assert set(shown.unreadable) == {"st.a"}


def test_a_rename_inside_a_list_in_a_struct_stops_the_struct_from_being_kept_whole():
    turn = pa.struct({"a": TEXT, "b": TEXT})
    swapped = field("element", kind=turn, inner=(field("b"), field("a")))
    chats = field("chats", kind=pa.list_(turn), inner=(swapped,))
    whole = field("st", kind=pa.struct({"chats": chats.type}), inner=(chats,))
    shown = TableFields((whole,)).show(found(("st", pa.struct({"chats": chats.type}), None)))
    assert renamed_within(shown.names, "st") == ["st.chats"]
    assert "inside lists" in shown.unreadable["st.chats"]


def test_a_partition_column_is_the_files_own_or_the_tables():
    fields = TableFields((field("day", 1), field("text", 2)))
    assert fields.show(found(("text", TEXT, 2)), ["day"]).names == {}
    assert fields.show(found(("text", TEXT, 2), ("day", TEXT, 1)), ["day"]).names == {}
    # a file of an older partition spec has no value: the column was added later
    assert fields.show(found(("text", TEXT, 2))).names == {"day": None}
    hidden = fields.show(found(("text", TEXT, 2), ("day", TEXT, 7)), ["day"])
    assert "which the table has dropped" in hidden.unreadable["day"]


def test_a_renamed_column_keeps_its_identity_and_another_column_of_its_name_has_another():
    before = TableFields((field("a", 1), field("b", 2), field("doc", 3, inner=[field("x", 4)])))
    after = TableFields((field("b", 1), field("a", 2), field("doc", 3, inner=[field("y", 4)])))
    assert before.identity("a") == after.identity("b") == "1"
    assert before.identity("doc.x") == after.identity("doc.y") == "3.4"
    assert before.identity("doc.z") is None
    assert TableFields((field("text", stored="c-1"),)).identity("text") == "c-1"


def test_a_partition_value_that_is_not_read_is_never_null():
    fields = TableFields((field("p", 1, pa.float64()), field("text", 2)), {}, frozenset(["p"]))
    assert "that the file lacks" in fields.show(found(("text", TEXT, 2))).unreadable["p"]
    assert not fields.show(found(("text", TEXT, 2), ("p", pa.float64(), 1))).unreadable
