"""Whether a type holds all values of a column: from its bounds, and by its values."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.corpus.bounds import bounds_of, known_misfit, misfit

FAR, FIRST = datetime.datetime(9999, 12, 31), datetime.datetime(1970, 1, 1)
US, NS = pa.timestamp("us"), pa.timestamp("ns")


def said(path, values, **options):
    """The bounds in the footer of a file with row groups of two rows."""
    pq.write_table(pa.table({"c": values}), path, row_group_size=2, **options)
    metadata = pq.read_metadata(path)
    return bounds_of([metadata.row_group(i) for i in range(metadata.num_row_groups)], "c")


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        (pa.array([3, None, None, None, -7, 5], pa.int8()), (-7, 5)),
        (pa.array([1, 2**64 - 1], pa.uint64()), (1, 2**64 - 1)),
        (pa.array([FAR, FIRST, None], US), (FIRST, FAR)),
        (pa.array([1000, 0], pa.timestamp("s")), (FIRST, FIRST.replace(minute=16, second=40))),
        (pa.array([FAR.date(), None], pa.date32()), (FAR.date(), FAR.date())),
        (pa.array([Decimal("1.10"), Decimal("-9.99")]), (Decimal("-9.99"), Decimal("1.10"))),
        (pa.nulls(3, pa.int64()), ()),
        (pa.array([], pa.int64()), ()),
        (pa.array([2**62], US), None),  # a year that Python has not
    ],
    ids=lambda one: str(one.type) if isinstance(one, pa.Array) else "",
)
def test_bounds_are_those_of_all_row_groups(tmp_path, values, bounds):
    assert said(tmp_path / "a.parquet", values) == bounds


def test_a_column_and_a_field_of_the_same_path_have_no_bounds(tmp_path):
    table = pa.table({"a.b": [1, 2], "a": [{"b": "x"}, {"b": "y"}]})
    pq.write_table(table, tmp_path / "a.parquet")
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert bounds_of([metadata.row_group(0)], "a.b") is None


def test_one_row_group_that_says_nothing_leaves_the_bounds_unknown(tmp_path):
    values = pa.array([1, 2, 3, 4])
    assert said(tmp_path / "a.parquet", values, write_statistics=False) is None
    groups = []
    for name, statistics in (("b", True), ("c", False)):
        pq.write_table(pa.table({"c": values}), tmp_path / name, write_statistics=statistics)
        groups.append(pq.read_metadata(tmp_path / name).row_group(0))
    assert bounds_of(groups[:1], "c") == (1, 4) and bounds_of(groups, "c") is None


@pytest.mark.parametrize(
    ("kind", "wide"),
    [
        (pa.int8(), pa.int64()), (pa.int32(), pa.float64()), (pa.float32(), pa.float64()),
        (pa.int32(), pa.decimal128(12, 2)), (pa.decimal128(5, 2), pa.decimal128(38, 10)),
        (pa.date32(), pa.date64()), (pa.time32("ms"), pa.time64("us")),
        (pa.string(), pa.large_string()), (pa.string(), pa.binary()), (pa.binary(3), pa.binary()),
        (pa.null(), pa.list_(pa.int8())), (pa.list_(pa.int8()), pa.large_list(pa.int16())),
        (pa.struct([("a", pa.int8())]), pa.struct([("a", pa.int16()), ("b", pa.string())])),
    ],
    ids=str,
)  # fmt: skip
def test_casts_that_never_fail_need_no_bounds(kind, wide):
    assert known_misfit(kind, wide, None) == ""


@pytest.mark.parametrize(
    ("kind", "wide", "held", "not_held"),
    [
        (pa.int64(), pa.float64(), (-(2**53), 2**53), (0, 2**53 + 1)),
        (pa.int64(), pa.uint64(), (0, 2**63 - 1), (-1, 5)),
        (pa.uint64(), pa.int64(), (0, 2**63 - 1), (0, 2**63)),
        (US, NS, (FIRST, datetime.datetime(2262, 1, 1)), (FIRST, FAR)),
        (pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"), (FIRST,), (FAR,)),
        (pa.decimal128(38, 0), pa.decimal128(38, 10), (Decimal(10**27),), (Decimal(10**28),)),
    ],
    ids=str,
)
def test_bounds_decide_where_casts_fail_by_size(kind, wide, held, not_held):
    assert known_misfit(kind, wide, None) is None
    assert known_misfit(kind, wide, held) == "" and known_misfit(kind, wide, ()) == ""
    assert known_misfit(kind, wide, not_held)


def test_what_only_the_values_tell():
    for kind, wide in ((NS, US), (pa.float64(), pa.int64()), (pa.decimal128(5, 2), pa.float64())):
        assert known_misfit(kind, wide, None) is None
    assert known_misfit(pa.int64(), pa.decimal128(20, 2), (1, 1)), "Arrow never casts to that"


@pytest.mark.parametrize(
    ("values", "wide", "why"),
    [
        (pa.array([1000, None], NS), US, ""),
        (pa.array([1000, 1], NS), US, "would lose data: 1"),
        (pa.array([1.0, None, 2.0**60]), pa.int64(), ""),
        (pa.array([0.5]), pa.int64(), "0.5"),
        (pa.array([float("nan")]), pa.int64(), "nan"),
        (pa.array([float("inf"), float("nan")]), pa.float64(), ""),
        (pa.array([float("inf"), float("nan")], pa.float32()), pa.float64(), ""),
        (pa.array([Decimal("1.10"), None]), pa.float64(), ""),
        (pa.array([Decimal("123456789012345678.90")]), pa.float64(), "double would round"),
        (pa.array([0.25, None]), pa.decimal128(38, 2), ""),
        (pa.array([0.125]), pa.decimal128(38, 2), "decimal128(38, 2) would round"),
        (pa.array([2048], pa.int16()), pa.float16(), ""),
        (pa.array([2049], pa.int16()), pa.float16(), "halffloat would round"),
        (pa.array([[1], None, [2**60]]), pa.list_(pa.float64()), str(2**60)),
        (pa.array([{"a": [2**60]}, None]), pa.struct([("a", pa.list_(pa.float64()))]), "field 'a'"),
        (pa.array([{"a": 1, "b": 2}]), pa.struct([("a", pa.int64())]), "no field 'b'"),
        (pa.chunked_array([[1], [2**60]]), pa.float64(), str(2**60)),
    ],
)  # fmt: skip
def test_values_that_a_type_does_not_hold(values, wide, why):
    found = misfit(values, wide)
    assert why in found and bool(found) == bool(why)
