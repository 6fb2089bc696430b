"""What is read of a file whose rows are copied, and how it is written."""

import base64
import io
from dataclasses import replace

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.parquet.bare import prune
from rm_ray.parquet.footer import StoredFooter, ended
from rm_ray.parquet.readable import readable
from rm_ray.parquet.schema import columns
from rm_ray.parquet.source import ParquetSource
from rm_ray.parquet.thrift import BINARY, I32, I64, LIST, STRUCT, Field, Items, get, put, without
from tests.encrypted import write_encrypted


def look(path):
    with path.open("rb") as file:
        return ParquetSource.of(file)


def test_nested_columns_are_physical_values_and_keep_their_shape(tmp_path):
    """Annotations of lists and maps stay, since pyarrow nests values by them."""
    kinds = {
        "word": (pa.string(), pa.binary()),
        "day": (pa.date32(), pa.int32()),
        "at": (pa.timestamp("us", "UTC"), pa.int64()),
        "large": (pa.uint64(), pa.uint64()),
        "half": (pa.float16(), pa.binary(2)),
        "price": (pa.decimal128(38, 2), pa.binary(16)),
        "tags": (pa.list_(pa.string()), pa.list_(pa.binary())),
        "pairs": (pa.map_(pa.string(), pa.int8()), pa.map_(pa.binary(), pa.int32())),
        "deep": (pa.struct({"x": pa.time64("us")}), pa.struct({"x": pa.int64()})),
    }
    written = pa.schema({name: kind for name, (kind, _) in kinds.items()})
    pq.write_table(written.empty_table(), tmp_path / "a.parquet")
    source = look(tmp_path / "a.parquet")
    found = {field.name: field.type for field in source.schema}
    assert found == {name: plain for name, (_, plain) in kinds.items()}
    assert not source.dropped and not source.reshaped and source.kind.leaves == ()


def test_statistics_stand_only_where_plain_values_have_the_same_order(tmp_path):
    """Decimals and halves in bytes are ordered by numbers, and plain bytes are not."""
    halves, prices = pa.array([1.0, -1.0], pa.float16()), pa.array([1, -1], pa.decimal128(38, 2))
    large = pa.array([1, 2**63], pa.uint64())
    table = pa.table({"half": halves, "price": prices, "word": ["a", "b"], "large": large})
    pq.write_table(table, tmp_path / "a.parquet")
    source = look(tmp_path / "a.parquet")
    (said,) = source.changed
    assert said.startswith("statistics of decimals in bytes, half floats, intervals")
    writing = source.writing([], None, 2)
    assert writing.options["write_statistics"] == ["word", "large"]
    with (tmp_path / "a.parquet").open("rb") as file:
        plain = pq.ParquetFile(file, metadata=ParquetSource.of(file).metadata).read()
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, writing.schema, **writing.options) as writer:
        writer.write_table(plain)
    writing.dress.put_on(sink)
    copy = pq.ParquetFile(sink)
    assert copy.read().equals(table)
    group = copy.metadata.row_group(0)
    assert [group.column(i).is_stats_set for i in range(4)] == [False, False, True, True]
    assert group.column(3).statistics.max == 2**63


def test_an_encrypted_column_is_left_out_and_the_others_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    write_encrypted(path, {"text": ["a", "b"], "secret": ["x", "y"], "n": [1, 2]}, ["secret"])
    source = look(path)
    assert source.dropped == {"secret": "is encrypted"}
    with path.open("rb") as file:
        rows = pq.ParquetFile(file, metadata=source.metadata).read()
    assert rows.to_pydict() == {"text": [b"a", b"b"], "n": [1, 2]}


def test_columns_are_added_where_the_stored_schema_can_be_read(tmp_path):
    frame = pl.DataFrame({"n": pl.Series([1], dtype=pl.Int128)})
    frame.write_parquet(tmp_path / "a.parquet")
    source = look(tmp_path / "a.parquet")
    assert not source.can_add_columns()
    added = source.writing([pa.field("reward", pa.float32())], None, 1)
    assert added.dress.key_values == [] and added.schema.names == ["n", "reward"]
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    assert look(tmp_path / "a.parquet").can_add_columns()


def test_a_column_is_cut_out_of_a_footer_with_all_below_it(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"a": [1], "b": [{"x": 1, "y": ["z"]}], "c": ["last"]})
    pq.write_table(table, path, store_schema=False)
    with path.open("rb") as file:
        footer = prune(StoredFooter.read(file), ["b"])
        assert [column.path for column in columns(footer.elements)] == [("a",), ("c",)]
        rows = pq.ParquetFile(file, metadata=footer.metadata()).read()
    assert rows.to_pydict() == {"a": [1], "c": ["last"]}


@pytest.mark.parametrize("damage", ["not Parquet", "cut", "long", "tree"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, damage):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    data = path.read_bytes()
    if damage == "not Parquet":
        path.write_bytes(b"hello")
    if damage == "cut":
        path.write_bytes(data[:-4] + b"\0\0\0\0")
    if damage == "long":
        path.write_bytes(data[:-8] + b"\xff\xff\xff\x7fPAR1")
    if damage == "tree":
        with path.open("rb") as file:
            footer = StoredFooter.read(file)
        root, leaf = footer.elements
        footer = footer.with_elements([put(root, 5, I32, 9), leaf])
        path.write_bytes(b"PAR1" + ended(footer.to_bytes()))
    said = {"not Parquet": "PAR1", "cut": "PAR1", "long": "2,147,483,647 bytes", "tree": "tree"}
    with pytest.raises(pa.ArrowInvalid, match=said[damage]):
        look(path)


def test_bloom_filters_of_booleans_are_not_asked_for(tmp_path):
    """ClickHouse writes them, and pyarrow does not."""
    pq.write_table(pa.table({"a": [True], "b": ["x"]}), tmp_path / "a.parquet")
    source = look(tmp_path / "a.parquet")
    leaves = tuple(replace(leaf, bloom=True) for leaf in source.kind.leaves)
    kind = replace(source.kind, leaves=leaves)
    options = kind.options(["a", "b"], taken=[0, 1], ordered=[True, True], codec=None, rows=5)
    assert options["bloom_filter_options"] == {"b": {"ndv": 5, "fpp": 0.01}}


def test_keys_of_single_column_chunks_are_named(tmp_path):
    """pyarrow writes none, so the test puts them into the footer."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    data = path.read_bytes()
    with path.open("rb") as file:
        footer = StoredFooter.read(file)
    (group,) = footer.row_groups
    (chunk,) = get(group, 1).values
    pair = [Field(1, BINARY, b"unit"), Field(2, BINARY, b"metres")]
    meta = put(get(chunk, 3), 8, LIST, Items(STRUCT, [pair]))
    group = put(group, 1, LIST, Items(STRUCT, [put(chunk, 3, STRUCT, meta)]))
    body = data[: -8 - int.from_bytes(data[-8:-4], "little")]
    path.write_bytes(body + ended(footer.with_row_groups([group]).to_bytes()))
    assert pq.read_metadata(path).row_group(0).column(0).metadata == {b"unit": b"metres"}
    assert look(path).changed == ("the metadata of single column chunks is left out",)


def test_the_first_data_page_is_found_behind_a_dictionary(tmp_path):
    """parquet-mr 1.8 says that the data begins where the dictionary does."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": ["x", "x"]}), path, data_page_version="2.0", store_schema=False)
    data = path.read_bytes()
    with path.open("rb") as file:
        footer = StoredFooter.read(file)
    (group,) = footer.row_groups
    (chunk,) = get(group, 1).values
    meta = get(chunk, 3)
    meta = without(put(meta, 9, I64, get(meta, 11)), 11)
    group = put(group, 1, LIST, Items(STRUCT, [put(chunk, 3, STRUCT, meta)]))
    body = data[: -8 - int.from_bytes(data[-8:-4], "little")]
    path.write_bytes(body + ended(footer.with_row_groups([group]).to_bytes()))
    assert look(path).kind.page_version == "2.0"
    assert pq.read_table(path).to_pydict() == {"a": ["x", "x"]}


def test_a_file_of_which_no_column_can_be_copied_is_refused(tmp_path):
    write_encrypted(tmp_path / "a.parquet", {"secret": ["x"]}, ["secret"])
    said = "none of its columns can be copied: column 'secret' is encrypted"
    with pytest.raises(pa.ArrowNotImplementedError, match=said):
        look(tmp_path / "a.parquet")


def test_bounds_are_written_where_every_row_group_has_them(tmp_path):
    """DuckDB leaves them out where there is NaN, and takes those that are there to count NaN."""
    file = tmp_path / "a.parquet"
    columns = "CASE WHEN i = 7 THEN 'nan'::DOUBLE ELSE i END AS x, i AS n, NULL::INTEGER AS none"
    duckdb.sql(f"COPY (SELECT {columns} FROM range(10) t(i)) TO '{file}'")
    source = look(file)
    assert [leaf.bounds for leaf in source.kind.leaves] == [False, True, True]
    writing = source.writing([], None, 10)
    assert writing.options["write_statistics"] == ["n", "none"]
    pq.write_table(pa.table({"a": [1]}), file, write_statistics=False)
    assert look(file).writing([], None, 1).options["write_statistics"] is False


def test_a_column_that_is_left_out_is_gone_from_the_stored_schema_too(tmp_path):
    """Else pyarrow takes nothing of that schema, and a duration becomes a number."""
    path = tmp_path / "a.parquet"
    spans = pa.array([1, 2], pa.duration("s"))
    write_encrypted(path, {"secret": ["x", "y"], "span": spans}, ["secret"])
    with path.open("rb") as file:
        metadata, left_out = readable(file)
    schema = pq.ParquetFile(path, metadata=metadata).schema_arrow
    assert left_out.keys() == {"secret"} and schema.names == ["span"]
    assert pa.types.is_duration(schema.field("span").type)
    stored = dict(look(path).kind.key_values)[b"ARROW:schema"]
    assert pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored))).names == ["span"]


@pytest.mark.parametrize(
    ("gone", "left"), [("c", [(0, "a"), (1, "b")]), ("b", [(0, "a")]), ("a", [])]
)
def test_rows_are_sorted_by_the_columns_before_the_one_that_is_left_out(tmp_path, gone, left):
    path = tmp_path / "a.parquet"
    table = pa.table({"c": [1], "a": [1], "b": [1]})
    by = [pq.SortingColumn(1), pq.SortingColumn(2), pq.SortingColumn(0)]
    pq.write_table(table, path, sorting_columns=by)
    with path.open("rb") as file:
        metadata = prune(StoredFooter.read(file), [gone]).metadata()
    found = [column.column_index for column in metadata.row_group(0).sorting_columns]
    names = [column for column in ("c", "a", "b") if column != gone]
    assert [names[number] for number in found] == [name for _, name in left]


def test_row_groups_that_are_sorted_in_several_ways_are_named(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path, row_group_size=1, sorting_columns=[
        pq.SortingColumn(0)])  # fmt: skip
    with path.open("rb") as file:
        footer = StoredFooter.read(file)
    first, second = footer.row_groups
    body = path.read_bytes()[: -8 - len(footer.to_bytes())]
    changed = footer.with_row_groups([first, without(second, 4)])
    path.write_bytes(body + ended(changed.to_bytes()))
    assert look(path).changed == (
        "row groups are sorted in different ways, so the copy is not marked sorted",
    )


def test_a_column_of_a_sort_that_is_not_written_ends_the_sort(tmp_path):
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "a.parquet")
    kind = replace(
        look(tmp_path / "a.parquet").kind, sorted_by=((0, False, False), (1, True, False))
    )
    options = {"ordered": [True, True], "codec": None, "rows": 1}
    both = kind.options(["a", "b"], taken=[0, 1], **options)["sorting_columns"]
    assert both == [pq.SortingColumn(0), pq.SortingColumn(1, descending=True)]
    assert kind.options(["a", "b"], taken=[None, 1], **options)["sorting_columns"] is None
