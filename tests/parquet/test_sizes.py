"""Sizes of values, told by footers of many writers, or not told."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.parquet.sizes import repeated_leaves, text_leaves, value_bytes
from tests.parquet.unsized import ENCODING_STATS, unsize


def told(path, *names):
    metadata = pq.read_metadata(path)
    groups = range(metadata.num_row_groups)
    found = value_bytes(metadata, groups, text_leaves(metadata, names or None))
    return list(found.values())


def repeated(path, *names, least=0):
    metadata = pq.read_metadata(path)
    groups = range(metadata.num_row_groups)
    return repeated_leaves(metadata, groups, names or None, least)


def test_size_statistics_are_exact(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": range(6), "a": ["xyz"] * 4 + [None, ""]}), path)
    assert told(path) == [12]


def test_of_a_dictionary_without_statistics_nothing_is_told(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": ["xyz"] * 4}), path)
    unsize(path)
    assert told(path) == [None]
    unsize(path, ENCODING_STATS)
    assert told(path) == [None]


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY"])
def test_values_that_are_stored_one_by_one_have_about_their_stored_size(tmp_path, encoding):
    path = tmp_path / "a.parquet"
    values = ["x" * 1000] * 500 + [None] * 500
    table = pa.table({"a": values})
    pq.write_table(table, path, use_dictionary=False, column_encoding=encoding)
    unsize(path)
    (size,) = told(path)
    assert 500_000 <= size < 505_000


def test_front_coded_values_are_not_told(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"a": ["x" * 1000] * 500})
    pq.write_table(table, path, use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    assert told(path) == [None]  # pyarrow's statistics say 1,000, and 500,000 is right
    unsize(path)
    assert told(path) == [None]
    assert repeated(path) == []  # pyarrow cannot read them as dictionaries


def test_a_dictionary_that_no_page_uses_repeats_nothing(tmp_path):
    """DuckDB lists the encodings of pages, and of a column without a dictionary only those."""
    path = tmp_path / "a.parquet"
    sql = "select repeat(chr(97 + (i % 26)::int), 10) || i as a from range(5000) t(i)"
    duckdb.sql(f"copy ({sql}) to '{path}' (format parquet)")
    ((size,), letters) = told(path), sum(10 + len(str(i)) for i in range(5000))
    assert size is None or letters <= size < letters * 1.1


def test_duckdb_does_not_tell_what_a_dictionary_stands_for(tmp_path):
    path = tmp_path / "a.parquet"
    duckdb.sql(
        f"copy (select repeat('x', 1000) as a from range(5000)) to '{path}' (format parquet)"
    )
    assert told(path) == [None]
    assert repeated(path) == [0]


def test_leaves_are_those_at_or_below_a_name(tmp_path):
    path = tmp_path / "a.parquet"
    turns = [[{"role": "user", "content": "hello", "n": 1}]]
    table = pa.table({"turns": turns, "turn": ["x"], "n": [1]})
    pq.write_table(table, path)
    metadata = pq.read_metadata(path)
    assert text_leaves(metadata, ["turns"]) == [0, 1]
    assert text_leaves(metadata, ["turns.list.element.content"]) == [1]
    assert text_leaves(metadata) == [0, 1, 3]
    assert told(path, "turns") == [4, 5]


def test_only_values_that_repeat_enough_are_read_as_dictionaries(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"long": ["x" * 1000] * 500, "short": ["x"] * 500, "own": map(str, range(500))}
    )
    pq.write_table(table, path, row_group_size=100)
    assert repeated(path, least=10_000) == [0]
    assert repeated(path, "short", "own", least=10_000) == []
    assert repeated(path, least=1_000_000) == []


def test_chunks_of_a_wide_footer_are_found_by_their_place(tmp_path):
    """Twenty columns and more have their number after the list's first byte."""
    path = tmp_path / "a.parquet"
    table = pa.table({f"c{n}": ["x" * n] * 30 for n in range(20)})
    pq.write_table(table, path, row_group_size=1)
    metadata = pq.read_metadata(path)
    found = value_bytes(metadata, range(30), range(20))
    assert found == {(group, n): n for group in range(30) for n in range(20)}
