"""Rows that a table names."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.config import InputConfig, RowsTableConfig
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.rows import RowTable, rows_fingerprint, rows_of
from rm_ray.corpus.sample import RowSample
from rm_ray.errors import InputError


def table(path, files, rows, group_rows=3, **columns):
    made = pa.table({"source_file": files, "row": rows, **columns})
    pq.write_table(made, path, row_group_size=group_rows)
    return RowTable(str(path))


def test_the_rows_of_a_file_are_found_wherever_the_table_has_them(tmp_path):
    files = ["/b", "/a", "/b", "/b", "/a", "/b"]
    named = table(tmp_path / "t.parquet", files, [7, 1, 3, 3, 0, 900], group_rows=2)
    assert named.chosen("/b", 0, 1000).tolist() == [3, 7, 900]
    assert named.chosen("/b", 3, 900).tolist() == [3, 7]
    assert named.chosen("/a", 0, 1).tolist() == [0] and named.count("/a", 0, 9) == 2
    assert named.chosen("/c", 0, 9).tolist() == []
    assert named.share("/b", 0, 4) == 0.25
    assert named.firsts("/b", np.array([3, 900])) is None


def test_a_table_may_lie_in_several_files_and_say_where_judging_begins(tmp_path):
    (tmp_path / "t").mkdir()
    table(tmp_path / "t" / "1.parquet", ["/a", "/a"], [5, 2], first_chunk=[4, None])
    table(tmp_path / "t" / "2.parquet", ["/a"], [9], first_chunk=pa.array([1], pa.int8()))
    named = RowTable(str(tmp_path / "t"))
    assert named.firsts("/a", np.array([2, 5, 9])).tolist() == [0, 4, 1]


def test_the_columns_of_a_table_may_have_other_names(tmp_path):
    made = pa.table({"path": ["/a", "/b"], "line": [4, 5], "from": [1, 2]})
    pq.write_table(made, tmp_path / "t.parquet")
    asked = RowsTableConfig(file="path", row="line", first_chunk="from")
    named = RowTable(str(tmp_path / "t.parquet"), asked)
    assert named.chosen("/b", 0, 9).tolist() == [5]
    assert named.firsts("/b", np.array([5])).tolist() == [2]


def test_a_document_that_is_named_twice_begins_at_the_earlier_chunk(tmp_path):
    made = pa.table({"source_file": ["/a"] * 3, "row": [4, 4, 2], "first_chunk": [7, 3, 1]})
    texts = made.column("source_file")
    for number, files in enumerate((texts.dictionary_encode(), texts.cast(pa.string_view()))):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(made.set_column(0, "source_file", files), path)
        named = RowTable(str(path), RowsTableConfig(first_chunk="first_chunk"))
        assert named.chosen("/a", 0, 9).tolist() == [2, 4]
        assert named.firsts("/a", np.array([2, 4])).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"/a": 9}, "names rows of /b, and input.path has no such file"),
        ({"/a": 9, "/b": 7}, "names row 7 of /b, which has 7 rows, counted from 0"),
    ],
)
def test_a_table_of_another_corpus_is_refused(tmp_path, rows, said):
    named = table(tmp_path / "t.parquet", ["/b", "/a"], [7, 1])
    with pytest.raises(InputError, match=said):
        named.check(rows)
    named.check({"/a": 2, "/b": 8})


def test_a_negative_row_and_columns_of_other_types_are_refused(tmp_path):
    with pytest.raises(InputError, match="names row -1 of /a"):
        table(tmp_path / "n.parquet", ["/a"], [-1]).check({"/a": 2})
    with pytest.raises(InputError, match="has no column row of whole numbers"):
        table(tmp_path / "f.parquet", ["/a"], [1.0]).check({"/a": 2})
    with pytest.raises(InputError, match="has no column source_file of texts"):
        table(tmp_path / "i.parquet", [1], [1]).check({"/a": 2})
    with pytest.raises(Unreadable, match="a null in the column row"):
        table(tmp_path / "o.parquet", ["/a"], pa.array([None], pa.int64())).chosen("/a", 0, 2)


def test_another_table_is_another_run(tmp_path):
    table(tmp_path / "1.parquet", ["/a"], [1])
    table(tmp_path / "2.parquet", ["/a"], [2])
    one, same, other = (
        rows_fingerprint(InputConfig(path="in", rows=str(tmp_path / f"{name}.parquet")))
        for name in (1, 1, 2)
    )
    assert one == same and one["input.rows"] != other["input.rows"]
    assert rows_fingerprint(InputConfig(path="in")) == {
        "input.sample_fraction": 1.0,
        "input.sample_seed": None,
    }


@given(st.floats(0.01, 0.99), st.integers(0, 5), st.text(max_size=5))
def test_a_sample_and_the_sample_that_skips_it_have_each_row_once(cut, seed, file):
    both = [
        rows_of(InputConfig(path="in", sample_seed=seed, sample_fraction=cut)),
        rows_of(InputConfig(path="in", sample_seed=seed, sample_skip=cut)),
    ]
    rows = np.concatenate([sample.chosen(file, 0, 300) for sample in both])
    assert sorted(rows.tolist()) == list(range(300))
    assert sum(sample.count(file, 0, 300) for sample in both) == 300


def test_a_sample_may_take_the_middle():
    middle = RowSample(0.5, 3, skip=0.2)
    wide, narrow = RowSample(0.5, 3), RowSample(0.2, 3)
    rows = [sample.chosen("f", 0, 2000).tolist() for sample in (middle, wide, narrow)]
    assert sorted(rows[0] + rows[2]) == rows[1]
    assert middle.share("f", 0, 10) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sample_fraction": 0.2, "sample_skip": 0.2},
        {"rows": "t.parquet", "limit": 3},
        {"rows": "t.parquet", "sample_fraction": 0.5},
        {"rows": "s3://key:secret@bucket/t.parquet"},
    ],
)
def test_choices_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ValueError, match=r"sample_skip|leave out|credentials"):
        InputConfig(path="in", **wrong)
