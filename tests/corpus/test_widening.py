"""The type of a copied column: one that holds what every file has, or a refusal with a remedy."""

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
from rm_ray.corpus.widening import run_types
from rm_ray.errors import InputError

DICTIONARY = pa.dictionary(pa.int8(), pa.string())


def types(*kinds, stored=None, rows=1, **config):
    """Of the id, where each file has it as one of these kinds; None for no such column."""
    files = [InputFile(f"{name}.parquet", 1, "v") for name in "abcdef"[: len(kinds)]]
    footers = {
        file.path: Footer([rows], [0], pa.schema([("id", kind)] if kind else []))
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
        ([pa.list_(pa.int8()), pa.list_(pa.int16())], pa.list_(pa.int16())),
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


def test_a_type_that_arrow_promises_and_cannot_cast_to_is_refused():
    with pytest.raises(InputError, match=r"is int32 in b.parquet and cannot be written as decimal"):
        types(pa.decimal128(5, 2), pa.int32())


def test_a_run_that_has_written_a_type_keeps_it():
    assert types(pa.int16(), pa.null(), stored={"id": pa.int64()}) == pa.int64()
    assert types(None, stored={"id": pa.int64()}) == pa.int64()
    assert types(stored={"id": pa.int64()}) == pa.int64()
    with pytest.raises(InputError) as error:
        types(pa.int64(), stored={"id": pa.int16()})
    assert str(error.value) == (
        "input.id: column 'id' is int64 in a.parquet and int16 in the rows that this run has "
        "written, and one output cannot hold both; cast 'id' to int16 in a.parquet, or begin "
        "another --output.path, where all is written as int64"
    )
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
