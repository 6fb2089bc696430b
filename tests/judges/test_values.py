"""Arrow values as Python's, whatever holds them."""

import pyarrow as pa

from rm_ray.judges.values import plain_values, strings_of, with_strings

NUMBERS = [[1, 2], None, [], [3]]


def test_lists_of_every_kind_keep_their_values_in_slices():
    for kind in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view):
        column = pa.array(NUMBERS, kind(pa.int64()))
        assert plain_values(column) == NUMBERS
        assert plain_values(column.slice(1)) == NUMBERS[1:]
    fixed = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2))
    assert plain_values(fixed.slice(1)) == [None, [3, 4]]


def test_structs_maps_dictionaries_and_strings_of_any_kind():
    kind = pa.struct({
        "a": pa.map_(pa.string(), pa.string_view()), "b": pa.dictionary(pa.int8(), pa.string()),
        "at": pa.list_(pa.timestamp("s")), "n": pa.float64(), "json": pa.json_(),
    })  # fmt: skip
    far = pa.array([[2**50]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("s")))
    row = pa.StructArray.from_arrays(
        [pa.array([{"k": "v"}], kind.field("a").type), pa.array(["x"]).dictionary_encode(), far,
         pa.array([1.5]), pa.array(["{}"], pa.json_())], names=kind.names,
    )  # fmt: skip
    expected = {"a": {b"k": b"v"}, "b": b"x", "at": [None], "n": 1.5, "json": b"{}"}
    assert plain_values(row) == [expected]
    assert plain_values(pa.array([None, {}], pa.struct([]))) == [None, {}]


def test_strings_are_found_and_replaced_wherever_they_stand():
    value = {"a": ["b", {"c": "b"}], "d": 1}
    assert list(strings_of(value)) == ["a", "b", "c", "b", "d"]
    assert with_strings(value, {"b": "x", "c": "y"}) == {"a": ["x", {"y": "x"}], "d": 1}
