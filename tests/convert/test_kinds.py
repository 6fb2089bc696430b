"""One kind for all values of a place, and JSON text where there is none."""

import pickle

import pytest

from rm_ray.convert.columns import Columns, arrow_type
from rm_ray.convert.config import LinesOutputConfig
from rm_ray.convert.kinds import (
    MOST_DEPTH,
    MOST_FIELDS,
    NEVER_A_VALUE,
    NO_FIELDS,
    Kind,
    Seen,
    json_places,
    kind_of,
)


def kind(*values) -> Kind:
    seen = Seen()
    for value in values:
        seen.add(value)
    return kind_of(seen)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["x", None], "string"), ([True, None], "bool"), ([1, -(2**63), 2**63 - 1], "int64"),
        ([1, 0.5], "double"), ([2**53, 0.5], "double"), ([2**60, 0.5], "double"),
        (["2024-01-02", "2024-01-03T00:00:00Z"], "string"),
        ([[1], [], None], "list<element: int64>"),
        ([{"b": 1}, {"a": "x", "b": None}], "struct<b: int64, a: string>"),
        ([[{"a": [0.5]}], [{"c": True}]],
         "list<element: struct<a: list<element: double>, c: bool>>"),
    ],
)  # fmt: skip
def test_values_with_one_type(values, expected):
    found = kind(*values)
    assert str(arrow_type(found)) == expected
    assert not found.holds_json
    assert Kind.of_stored(found.stored()) == found


@pytest.mark.parametrize(
    ("values", "why", "conflict"),
    [
        ([], NEVER_A_VALUE, False), ([None], NEVER_A_VALUE, False), ([{}], NO_FIELDS, False),
        (["x", 1], "the values are text and numbers", True),
        (["x", {"a": 1}], "the values are text and objects", True),
        ([True, 1], "the values are true or false and numbers", True),
        ([[1], {"a": 1}], "the values are lists and objects", True),
        ([2**63], "the integers need more than 64 bits", True),
        ([2**53 + 1, 0.5], "there are fractions, and integers that a double would change", True),
        ([{str(n): n for n in range(MOST_FIELDS + 1)}],
         f"the objects have more than {MOST_FIELDS} different fields", True),
    ],
)  # fmt: skip
def test_values_without_one_type_are_json_text(values, why, conflict):
    assert kind(*values) == Kind("json", why=why, conflict=conflict)


def test_a_conflict_is_json_text_in_its_own_place_alone():
    found = kind({"l": [1, "x"], "s": {"a": None, "b": 1}, "e": []})
    places = {place: kind.conflict for place, kind in json_places([("top", found)])}
    assert places == {"top.l.[]": True, "top.s.a": False, "top.e.[]": False}
    assert not found.reads_in_blocks
    assert kind({"s": {"a": None, "b": 1}, "e": []}).reads_in_blocks


def test_depth_is_bounded():
    value = 1
    for _ in range(3 * MOST_DEPTH):
        value = [value]
    found, depth = kind(value), 0
    while found.inner:
        found, depth = found.inner[0][1], depth + 1
    assert found.name == "json" and depth == MOST_DEPTH


def test_samples_are_merged_in_the_order_of_the_files():
    first, second = Seen(), Seen()
    first.add({"a": 1, "s": {"x": [1]}})
    second.add({"b": "t", "a": 0.5, "s": {"y": 1, "x": [None, 0.5]}, "n": None})
    first.merge(second)
    assert str(arrow_type(kind_of(first))) == (
        "struct<a: double, s: struct<x: list<element: double>, y: int64>, b: string, n: string>"
    )


def test_a_sample_looks_no_deeper_than_a_kind_says():
    lists: object = 1
    objects: object = 1
    for _ in range(900):
        lists, objects = [lists], {"x": objects}
    seen = Seen()
    seen.add({"l": lists, "o": objects})
    again = pickle.loads(pickle.dumps(seen))  # as a task hands it back
    assert "nested more than 24 deep" in str(kind_of(again))
    assert kind_of(again) == kind_of(seen)


def test_blocks_are_smaller_where_there_are_many_columns():
    few, many = ([(str(n), Kind("int")) for n in range(count)] for count in (64, 640))
    sizes = [Columns.of(fields, LinesOutputConfig(path="o"), "json").block_bytes
             for fields in (few, many, many * 100)]  # fmt: skip
    assert sizes == [16 << 20, (16 << 20) // 10, 1 << 20]
