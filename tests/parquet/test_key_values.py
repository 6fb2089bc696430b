"""Metadata of a file, for another file of some of its rows."""

import base64
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.key_values import settled, with_fields, without_schemas


def footer_of(path, metadata, rows=3, **options):
    table = pa.table({"a": range(rows)}).replace_schema_metadata(metadata)
    pq.write_table(table, path, **options)
    with path.open("rb") as file:
        return StoredFooter.read(file)


def arrow_schema(pairs):
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(dict(pairs)[b"ARROW:schema"])))


@pytest.mark.parametrize("key", ["num_rows", "rows", "row_count", "n_examples", "total-records"])
def test_a_number_of_all_rows_is_left_out(tmp_path, key):
    footer = footer_of(tmp_path / "a.parquet", {key: "3", "license": "3"})
    pairs, said = settled(footer)
    assert said == [f"the key `{key}`, the number of all rows, is left out"]
    assert [name for name, _ in pairs] == [b"license", b"ARROW:schema"]
    assert arrow_schema(pairs).metadata == {b"license": b"3"}


@pytest.mark.parametrize(("key", "value"), [("num_rows", "4"), ("rows_per_page", "3"), ("v", "3")])
def test_other_numbers_stay(tmp_path, key, value):
    footer = footer_of(tmp_path / "a.parquet", {key: value})
    assert settled(footer) == (footer.key_values, [])


def test_row_labels_of_pandas_that_are_columns_stay(tmp_path):
    labels = {"index_columns": ["name"], "columns": []}
    footer = footer_of(tmp_path / "a.parquet", {"pandas": json.dumps(labels)})
    assert settled(footer) == (footer.key_values, [])
    labels["index_columns"].append({"kind": "range", "start": 0, "stop": 3, "step": 1})
    pairs, said = settled(footer_of(tmp_path / "a.parquet", {"pandas": json.dumps(labels)}))
    assert said == ["the range of `pandas` row labels is left out"]
    assert json.loads(dict(pairs)[b"pandas"])["index_columns"] == ["name"]


@pytest.mark.parametrize("value", ["", "no JSON", "[]", "3", '{"index_columns": 3}', "{}", "null"])
def test_values_of_other_shapes_stay(tmp_path, value):
    footer = footer_of(tmp_path / "a.parquet", {"pandas": value, "geo": value})
    assert settled(footer) == (footer.key_values, [])


def test_a_key_without_a_value_a_key_twice_and_bytes_stay(tmp_path):
    pairs = [(b"empty", None), (b"twice", b"1"), (b"twice", b"2"), (b"\xff", b"\xfe\0")]
    footer = footer_of(tmp_path / "a.parquet", None, store_schema=False).with_key_values(pairs)
    assert footer.key_values == pairs and settled(footer) == (pairs, [])


def test_added_columns_stand_in_the_stored_schema(tmp_path):
    footer = footer_of(tmp_path / "a.parquet", {"license": "x"})
    pairs = with_fields(footer.key_values, [pa.field("reward", pa.float32())])
    schema = arrow_schema(pairs)
    assert schema.names == ["a", "reward"] and schema.metadata == {b"license": b"x"}
    assert with_fields(footer.key_values, []) == footer.key_values
    bare = footer_of(tmp_path / "a.parquet", None, store_schema=False)
    assert with_fields(bare.key_values, [pa.field("reward", pa.float32())]) == []


def test_keys_that_name_the_columns_for_spark_go_where_columns_are_added(tmp_path):
    """Spark takes its schema out of its own key, and does not see what was added."""
    key = "org.apache.spark.sql.parquet.row.metadata"
    footer = footer_of(tmp_path / "a.parquet", None, store_schema=False)
    footer = footer.with_key_values([(key.encode(), b"{}"), (b"license", b"x")])
    pairs, said = without_schemas(footer.key_values)
    assert pairs == [(b"license", b"x")]
    assert said == [f"the key `{key}`, which names the columns, is left out"]
    assert with_fields(footer.key_values, [pa.field("reward", pa.float32())]) == pairs
    assert with_fields(footer.key_values, []) == footer.key_values
