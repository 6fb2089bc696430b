"""The type of a copied column: one that holds what every file has, or a refusal with a remedy."""

import datetime
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer, _read_footer
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.widening import _common, run_types
from rm_ray.errors import InputError

DICTIONARY = pa.dictionary(pa.int8(), pa.string())


def types(*kinds, stored=None, bounds=(), **config):
    """Of the id, where each file has it as one of these kinds; None for no such column.

    `bounds`: of the id in all files; without any, it is null.
    """
    files = [InputFile(f"{name}.parquet", 1, "v") for name in "abcdef"[: len(kinds)]]
    footers = {
        file.path: Footer([1], [0], pa.schema([("id", kind)] if kind else []), {"id": bounds})
        for file, kind in zip(files, kinds, strict=True)
    }
    return run_types(files, footers, InputConfig(path="x", **config), stored or {})["id"]


@pytest.mark.parametrize(
    ("kinds", "wide"),
    [
        ([pa.int16(), pa.int64()], pa.int64()),
        ([pa.int64(), pa.int16(), pa.null()], pa.int64()),
        ([pa.int8(), pa.uint8(), pa.int32()], pa.int32()),
        ([pa.float32(), pa.int32()], pa.float64()),
        ([pa.string(), pa.large_string(), DICTIONARY, pa.string_view()], pa.large_string()),
        ([DICTIONARY], pa.string()),
        ([pa.null(), pa.string()], pa.string()),
        ([pa.string(), pa.binary()], pa.binary()),
        ([pa.timestamp("ms"), pa.timestamp("us")], pa.timestamp("us")),
        ([pa.timestamp("us"), pa.timestamp("ns")], pa.timestamp("ns")),
        ([pa.decimal128(5, 2), pa.int32()], pa.decimal128(12, 2)),
        ([pa.decimal128(38, 2), pa.uint64()], pa.decimal128(38, 2)),
        ([pa.list_(pa.int8()), pa.list_(pa.int16())], pa.list_(pa.int16())),
        ([pa.json_(), pa.string(), pa.uuid()], pa.string()),
        (
            [pa.struct([("a", pa.int8())]), pa.struct([("b", pa.string()), ("a", pa.int16())])],
            pa.struct([("a", pa.int16()), ("b", pa.string())]),
        ),
        ([pa.null(), pa.null()], pa.null()),
        ([None, pa.int8()], pa.int8()),
    ],
)  # fmt: skip
def test_types_are_widened_by_arrows_rules_in_any_order(kinds, wide):
    assert types(*kinds) == wide
    if not pa.types.is_struct(wide):  # whose fields stand in the order they are met
        assert types(*reversed(kinds)) == wide


def test_what_no_type_holds_is_refused_with_the_remedy_for_that_column():
    with pytest.raises(InputError) as error:
        types(pa.null(), pa.int16(), pa.int64(), pa.string())
    assert str(error.value) == (
        "input.id: column 'id' is string in d.parquet and int64 in c.parquet, and one output "
        "cannot hold both; give --input.id null, or cast it to one type in all files, in DuckDB: "
        """COPY (SELECT * REPLACE (CAST("id" AS VARCHAR) AS "id") FROM 'c.parquet') """
        "TO 'cast.parquet'"
    )
    files = [InputFile(name, 1, "v") for name in "ab"]
    kinds = {"a": pa.bool_(), "b": pa.int8()}
    footers = {name: Footer([1], [0], pa.schema([("m", kind)])) for name, kind in kinds.items()}
    with pytest.raises(InputError, match=r"is int8 in b and bool in a, .* out of --input.keep, or"):
        run_types(files, footers, InputConfig(path="x", id=None, keep=["m"]), {})


@pytest.mark.parametrize(
    "kinds",
    [
        (pa.timestamp("us", "UTC"), pa.timestamp("us")),
        (pa.date32(), pa.timestamp("us")),
        (pa.int64(), pa.string()),
        (pa.list_view(pa.int8()), pa.list_view(pa.int16())),
    ],
    ids=str,
)
def test_types_that_no_type_holds(kinds):
    with pytest.raises(InputError, match="one output cannot hold both"):
        types(*kinds)


def test_a_run_that_has_written_a_type_keeps_it():
    assert types(pa.int16(), pa.null(), stored={"id": pa.int64()}) == pa.int64()
    assert types(None, stored={"id": pa.int64()}) == pa.int64()
    assert types(stored={"id": pa.int64()}) == pa.int64()
    with pytest.raises(InputError) as error:
        types(pa.int64(), stored={"id": pa.int16()}, bounds=(0, 32768))
    assert str(error.value) == (
        "input.id: column 'id' is int64 in a.parquet and cannot be written as int16, as this run "
        "has written it (Integer value 32768 not in range: -32768 to 32767); cast 'id' to int16 in "
        "a.parquet, or begin another --output.path, where all is written as int64"
    )
    small = {"stored": {"id": pa.int16()}, "bounds": (0, 32767)}
    assert types(pa.int64(), pa.int8(), **small) == pa.int16()
    with pytest.raises(InputError, match=r"begin another --output.path and give --input.id null"):
        types(pa.string(), stored={"id": pa.int16()})


def test_files_without_rows_have_no_say_unless_all_are():
    files = [InputFile(name, 1, "v") for name in "ab"]
    footers = {
        "a": Footer([], [], pa.schema([("id", pa.float64())])),
        "b": Footer([0, 2], [0, 0], pa.schema([("id", pa.string())])),
    }
    config = InputConfig(path="x")
    assert run_types(files, footers, config, {}) == {"id": pa.string()}
    assert run_types(files[:1], footers, config, {}) == {"id": pa.float64()}


def test_a_column_that_no_file_has_is_refused_and_a_hive_column_is_one():
    with pytest.raises(InputError, match=r"input.id: none of the 2 files has a column 'id'"):
        types(None, None, missing_columns="null")
    hive = InputFile("a", 1, "v", {"id": "7"})
    footers = {"a": Footer([1], [0], pa.schema([]))}
    assert run_types([hive], footers, InputConfig(path="x"), {}) == {"id": pa.string()}


def write(path, **columns):
    pq.write_table(pa.table({"text": ["t"] * len(next(iter(columns.values()))), **columns}), path)
    return InputFile(str(path), path.stat().st_size, "v")


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("nested", [False, True])
def test_integers_that_the_wider_type_cannot_hold_are_found_before_anything_is_judged(
    tmp_path, nested
):
    name = "meta.n" if nested else "n"

    def column(values, kind):
        values = pa.array(values, kind)
        return {"meta": pa.StructArray.from_arrays([values], ["n"])} if nested else {"n": values}

    small = write(tmp_path / "a.parquet", **column([1, -(2**53)], pa.int64()))
    large = write(tmp_path / "b.parquet", **column([1, 2**53 + 1], pa.int64()))
    floats = write(tmp_path / "c.parquet", **column([0.5, None], pa.float64()))
    config = InputConfig(path=str(tmp_path), id=None, keep=[name])
    footers = {file.path: _read_footer(file, config) for file in (small, large, floats)}
    assert run_types([small, floats], footers, config, {}) == {name: pa.float64()}
    with pytest.raises(InputError, match=rf"{large.path} and cannot .* double.*9007199254740993"):
        run_types([small, large, floats], footers, config, {})


def typed(tmp_path, stored=None, **files):
    """The type of the column `when`, where files have it as these arrays."""
    listed = [write(tmp_path / f"{name}.parquet", when=values) for name, values in files.items()]
    config = InputConfig(path=str(tmp_path), id=None, keep=["when"])
    footers = {file.path: _read_footer(file, config) for file in listed}
    before = {"when": stored} if stored else {}
    return run_types(listed, footers, config, before)["when"]


US, NS = pa.timestamp("us"), pa.timestamp("ns")
FAR = pa.array([datetime.datetime(9999, 12, 31), None], US)


@pytest.mark.usefixtures("ray_cluster")
def test_a_type_is_chosen_that_holds_the_values_of_all_files(tmp_path):
    near = pa.array([1, 2], US)
    whole, fine = pa.array([1000, None], NS), pa.array([1001, None], NS)
    assert typed(tmp_path, a=near, b=fine) == NS
    assert typed(tmp_path, a=FAR, b=whole) == US
    assert typed(tmp_path, a=FAR, b=whole, c=pa.array([5, 6], pa.timestamp("s"))) == US
    assert typed(tmp_path, stored=US, a=whole) == US
    # milliseconds do not hold the microsecond, and no file has the unit that holds both
    assert typed(tmp_path, a=FAR.cast(pa.timestamp("ms")), b=whole) == US
    ages = [pa.array([2**61 // 10**6], pa.duration("s")), pa.array([1000], pa.duration("ns"))]
    assert typed(tmp_path, a=ages[0], b=ages[1]) == pa.duration("us")
    with pytest.raises(InputError) as error:
        typed(tmp_path, a=FAR, b=fine)
    assert str(error.value).startswith(
        f"input.keep: column 'when' is timestamp[us] in {tmp_path}/a.parquet and cannot be written "
        "as timestamp[ns], as other files have it (Casting from timestamp[us] to timestamp[ns] "
        "would result in out of bounds timestamp: 253402214400000000); leave it out of "
    )
    with pytest.raises(InputError, match=r"cast 'when' to timestamp\[us\] in .*a.parquet"):
        typed(tmp_path, stored=US, a=fine)


@pytest.mark.usefixtures("ray_cluster")
def test_large_integers_stay_what_they_are(tmp_path):
    large = pa.array([2**64 - 1, 2**53 + 1], pa.uint64())
    assert typed(tmp_path, a=large, b=pa.array([7, 2**53 + 1])) == pa.uint64()
    with pytest.raises(InputError, match=r"a.parquet and cannot be written as int64"):
        typed(tmp_path, a=large, b=pa.array([-7, None]))
    # integers with a null, as pandas writes them
    assert typed(tmp_path, a=pa.array([2**53 + 1, 1]), b=pa.array([1.0, None])) == pa.int64()
    decimals = pa.array([Decimal("123456789012345678.90"), None])
    assert typed(tmp_path, a=decimals, b=pa.array([1.0, 2.5])) == decimals.type
    with pytest.raises(InputError, match="double would round its values"):
        typed(tmp_path, a=decimals, b=pa.array([1.0, 0.125]))


@pytest.mark.usefixtures("ray_cluster")
def test_a_column_without_statistics_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pq, "write_table", partial(pq.write_table, write_statistics=False))
    small, large = pa.array([1, 2**53]), pa.array([1, 2**53 + 1])
    half = pa.array([0.5, float("nan")])
    assert typed(tmp_path, a=small, b=half) == pa.float64()
    with pytest.raises(InputError, match=r"a.parquet and cannot .* double.*9007199254740993"):
        typed(tmp_path, a=large, b=half)
    deep = pa.array([[2**53 + 1], None])
    with pytest.raises(InputError, match=r"a.parquet and cannot .* double.*9007199254740993"):
        typed(tmp_path, a=deep, b=pa.array([[0.5], None]))


def test_rows_are_read_as_the_run_writes_them(tmp_path):
    file = write(tmp_path / "a.parquet", id=pa.array([1, 2**60], pa.int64()), kind=["x", "y"])
    config = InputConfig(path=file.path, keep=["kind", "gone"], missing_columns="null")
    units = [
        ReadUnit(file.path, {}, 0, 1, 0, (Shard(file.path, *span),)) for span in ((0, 1), (0, 2))
    ]
    written = {"id": pa.float64(), "kind": pa.large_string(), "gone": pa.list_(pa.int8())}
    ((_, rows),) = read_shards(units[0], config, ["text"], written)
    assert dict(zip(rows.schema.names, rows.schema.types, strict=True)).items() >= written.items()
    assert rows.select(list(written)).to_pylist() == [{"id": 1.0, "kind": "x", "gone": None}]
    with pytest.raises(
        Unreadable, match=rf"'id' of {file.path} cannot be .*double.* 11529"
    ) as error:
        list(read_shards(units[1], config, ["text"], written))
    assert not error.value.may_pass and not error.value.bad_file


def test_types_that_no_decimal_holds_have_nothing_in_common():
    assert _common(pa.decimal256(76, 58), pa.int64()) is None


def test_decimals_beside_fractions_of_32_bits_are_doubles():
    assert _common(pa.decimal128(9, 2), pa.float32()) == pa.float64()
