"""Deleted rows: stored, read again, and left out of any choice of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.config import StorageConfig
from rm_ray.corpus.rows import RowTable
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables import deleted as module
from rm_ray.corpus.tables.deleted import (
    DELETED,
    Deleted,
    Undeleted,
    deleted_of,
    note_of,
    store,
    with_new,
)
from rm_ray.corpus.tables.fields import TableFields
from rm_ray.corpus.tables.snapshot import Snapshot
from rm_ray.errors import InputError
from rm_ray.store.folder import Folder

ROWS = st.sets(st.integers(0, 39), max_size=40).map(lambda rows: np.array(sorted(rows), np.int64))


def snapshot(**rows) -> Snapshot:
    deleted = {path: np.array(numbers) for path, numbers in rows.items() if len(numbers)}
    return Snapshot("delta", "t", 3, [], TableFields(()), deleted)


@given(ROWS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 41))
@settings(max_examples=60, deadline=None)
def test_chosen_rows_are_those_of_the_choice_that_are_not_deleted(gone, start, stop, most):
    start, stop = sorted((start, stop))
    deleted = with_new(Deleted(), snapshot(a=gone), [Shard("a", 0, 40)])
    both = Undeleted(RowSample(0.6, 1), deleted)
    expected = [row for row in both.choice.chosen("a", start, stop) if row not in gone]
    assert both.chosen("a", start, stop).tolist() == expected
    assert both.count("a", start, stop) == len(expected)
    left = [row for row in range(start, stop) if row not in gone]
    assert deleted.left("a", start, stop) == len(left)
    end = deleted.stop_after("a", start, stop, most)
    assert [row for row in left if row < end] == left[:most]
    assert end == stop or len(left) > most


def test_what_is_stored_is_read_again_by_any_process(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GROUP_ROWS", 5)
    state = Folder(str(tmp_path / "_rm_ray"), StorageConfig())
    first = snapshot(a=[1, 2, 30], b=[], c=list(range(7)), d=[4])
    new = with_new(Deleted(), first, [Shard(path, 0, 10) for path in "abcd"])
    stored = store(new, state)
    note = note_of(first, new)
    assert note["table"] | {"deleted": ""} == {
        "kind": "delta", "address": "t", "snapshot": 3, "columns": {}, "deleted": "",
    }  # fmt: skip
    # a second planning: file `a` goes on, `e` is new
    second = snapshot(a=[1, 2, 12, 30], e=[0])
    more = with_new(stored, second, [Shard("a", 10, 40), Shard("e", 0, 5)])
    store(more, state)
    read = deleted_of([{}, note, note_of(second, more), {"other": 1}], state)
    assert read.rows("a", 0, 40).tolist() == [1, 2, 12, 30]
    assert read.rows("a", 2, 13).tolist() == [2, 12]
    assert read.rows("c", 0, 10).tolist() == list(range(7))
    assert read.rows("d", 0, 10).tolist() == [4]
    assert read.rows("e", 0, 5).tolist() == [0]
    assert not len(read.rows("b", 0, 10))
    assert len((state / DELETED).names()) == 2
    store(more, state)
    assert len((state / DELETED).names()) == 2


def test_nothing_deleted_stores_nothing(tmp_path):
    state = Folder(str(tmp_path / "_rm_ray"), StorageConfig())
    none = with_new(Deleted(), snapshot(), [Shard("a", 0, 10)])
    assert store(none, state) is none
    assert "deleted" not in note_of(snapshot(), none)["table"]
    assert not deleted_of([note_of(snapshot(), none)], state)
    assert not (state / DELETED).names()


def test_a_table_of_rows_must_not_name_deleted_ones(tmp_path):
    state = Folder(str(tmp_path / "_rm_ray"), StorageConfig())
    named = store(with_new(Deleted(), snapshot(a=[1, 2]), [Shard("a", 0, 10)]), state).stored
    assert isinstance(named, RowTable)
    Undeleted(named, Deleted()).check({"a": 10})
    gone = Deleted(new={"a": np.array([2])})
    with pytest.raises(InputError, match="names row 2 of a, which the table has deleted"):
        Undeleted(named, gone).check({"a": 10})
