"""The compact protocol: what is decoded and encoded again is what it was."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.thrift import (
    BINARY,
    BYTE,
    DOUBLE,
    FALSE,
    I16,
    I32,
    I64,
    LIST,
    MOST_DEEP,
    SET,
    STRUCT,
    TRUE,
    Field,
    Items,
    NotThrift,
    decode,
    decode_value,
    encode,
    encode_value,
    get,
    join,
    put,
    split,
    without,
)

# Footers of files of fifteen writers (benchmarks/writers): their names and bytes.
FOOTERS = pq.read_table(Path(__file__).parent / "footers.parquet").to_pylist()
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = {
    BYTE: st.integers(0, 255),
    I16: st.integers(-(2**15), 2**15 - 1),
    I32: st.integers(-(2**31), 2**31 - 1),
    I64: INTEGERS,
    DOUBLE: st.binary(min_size=8, max_size=8),
    BINARY: st.binary(max_size=40),
}


def values(inner):
    """A type and a value of it; `inner`: structs."""
    scalars = [st.tuples(st.just(kind), some) for kind, some in SCALARS.items()]
    booleans = st.sampled_from([(TRUE, True), (FALSE, False)])
    lists = [
        st.tuples(st.sampled_from([LIST, SET]), st.lists(some, max_size=20).map(
            lambda each, kind=kind: Items(kind, each)))
        for kind, some in [*SCALARS.items(), (STRUCT, inner), (TRUE, st.sampled_from([0, 1, 2]))]
    ]  # fmt: skip
    return st.one_of(booleans, *scalars, *lists, st.tuples(st.just(STRUCT), inner))


STRUCTS = st.recursive(
    st.just([]),
    lambda inner: st.dictionaries(st.integers(1, 300), values(inner), max_size=6).map(
        lambda found: [Field(number, *each) for number, each in found.items()]
    ),
    max_leaves=12,
)


@given(STRUCTS, st.binary(max_size=9))
def test_a_struct_comes_back_and_what_follows_it_is_left(struct, after):
    data = encode(struct)
    assert decode(data + after) == (struct, len(data))
    fields, end = split(data + after)
    assert end == len(data) and join(fields) == data
    assert [Field(f.id, f.type, decode_value(f.type, f.value)) for f in fields] == struct
    assert all(
        encode_value(f.type, f.value) == raw.value for f, raw in zip(struct, fields, strict=True)
    )


@given(STRUCTS)
def test_a_struct_that_is_cut_short_is_none(struct):
    data = encode(struct)
    for stop in range(len(data)):
        for read in (decode, split):
            with pytest.raises(NotThrift):
                read(data[:stop])


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_struct_or_refused(data):
    try:
        struct, end = decode(data)
    except NotThrift:
        return
    assert end <= len(data)
    assert decode(encode(struct))[0] == struct


def test_a_struct_by_hand():
    """Field 1: 300, an i32 (zigzag 600). Field 20: "ab", so far on that its number is said."""
    data = bytes([0x15, 0xD8, 0x04, 0x08, 0x28, 0x02]) + b"ab\0"
    assert decode(data)[0] == [Field(1, I32, 300), Field(20, BINARY, b"ab")]
    assert encode(decode(data)[0]) == data


def test_fields_are_read_and_replaced_by_their_numbers():
    struct = [Field(1, I32, 7), Field(4, BINARY, b"name")]
    assert get(struct, 4) == b"name" and get(struct, 2) is None and get(struct, 2, 9) == 9
    assert put(struct, 2, I32, 5) == [struct[0], Field(2, I32, 5), struct[1]]
    assert put(struct, 1, I32, 5) == [Field(1, I32, 5), struct[1]]
    assert without(struct, 1, 9) == [struct[1]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x1b\0", "type 11, which Parquet does not use"),
        (bytes([0x1C]) * (MOST_DEEP + 2), f"more than {MOST_DEEP} deep"),
        (b"\x19\xf5\xff\xff\xff\xff\x0f", "more elements than there are bytes"),
    ],
)
def test_what_no_footer_has_is_refused(data, said):
    for read in (decode, split):
        with pytest.raises(NotThrift, match=said):
            read(data)


@pytest.mark.parametrize("footer", FOOTERS, ids=[footer["name"] for footer in FOOTERS])
def test_footers_of_other_writers_come_back(footer):
    data = footer["footer"]
    struct, end = decode(data)
    again = encode(struct)
    assert end == len(data) and decode(again)[0] == struct
    assert join(split(data)[0]) == data
    # Polars spells the field number of a Float16 annotation in two bytes where one would do
    assert (again == data) == (footer["name"] != "polars-nested")
    stored = StoredFooter.parse(data)
    same = stored.with_elements(stored.elements).with_key_values(stored.key_values)
    assert same.elements == stored.elements and same.key_values == stored.key_values
    assert same.with_row_groups(stored.row_groups).row_groups == stored.row_groups
