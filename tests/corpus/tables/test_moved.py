"""A plan beside a newer snapshot of its table."""

import logging

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.tables.deleted import NOTHING, Deleted, note_of
from rm_ray.corpus.tables.fields import TableField, TableFields
from rm_ray.corpus.tables.moved import check_columns, check_deleted, gone, gone_files, is_gone
from rm_ray.corpus.tables.snapshot import Snapshot, TableFile
from rm_ray.errors import InputError

TEXT = pa.string()


def planned(path: str, rows: int = 10) -> PlannedFile:
    return PlannedFile(path, 1, "v", cut_file(path, {}, [rows], [1.0], max_rows=9, max_tokens=1e9))


def snapshot(paths: str, **deleted) -> Snapshot:
    files = [TableFile(path, {}, 10) for path in paths]
    rows = {path: np.array(numbers) for path, numbers in deleted.items()}
    return Snapshot("delta", "t", 5, files, TableFields(()), rows)


def test_a_file_that_is_gone_is_refused_with_its_rows_or_removed():
    before = Deleted(new={"a": np.array([0, 1, 2])})
    plan = [planned("a"), planned("b"), gone(planned("c"))]
    with pytest.raises(InputError) as refused:
        gone_files(plan, snapshot("bx"), before, "refuse", before=4)
    assert "version 5 of delta:t no longer has 1 files of this run, with 7 rows (a)" in str(
        refused.value
    )
    assert "--input.snapshot 4" in str(refused.value)
    removed = gone_files(plan, snapshot("bx"), before, "score", before=4)
    assert [file.path for file in removed] == ["a"]
    assert not gone_files(plan, snapshot("abx"), before, "refuse", before=4)


def test_the_line_of_a_file_that_is_gone_is_read_again():
    line = gone(planned("a")).to_json()
    assert is_gone(PlannedFile.from_json(line))
    assert not PlannedFile.from_json(line).rows
    assert not is_gone(PlannedFile.from_json(planned("a").to_json()))


def test_more_deletes_are_told_and_fewer_are_refused(caplog):
    before = Deleted(new={"a": np.array([3])})
    with caplog.at_level(logging.INFO):
        check_deleted([planned("a")], snapshot("a", a=[3, 4, 99]), before)
    assert "has deleted 1 rows of 1 files since" in caplog.text
    with pytest.raises(InputError, match="has 1 rows of a again"):
        check_deleted([planned("a")], snapshot("a", a=[4]), before)
    # a file that was gone and is back must not lack deletes that are stored for it either
    with pytest.raises(InputError, match="has 1 rows of a again"):
        check_deleted([gone(planned("a"))], snapshot("a"), before)
    check_deleted([gone(planned("a"))], snapshot("b"), before)


def test_a_name_that_has_gone_to_another_column_is_refused():
    def of(**ids):
        fields = TableFields(tuple(TableField(name, TEXT, (), n) for name, n in ids.items()))
        return Snapshot("iceberg", "t", 5, [], fields)

    note = note_of(of(text=1, title=2), NOTHING, ["text", "lang"])["table"]
    check_columns(note, of(text=1, body=2))
    check_columns(note, of(text=1, lang=3))  # it was added later
    check_columns({}, of(text=9))  # a plan of an older version of rm_ray

    def nested(**ids):
        inner = tuple(TableField(name, TEXT, (), n) for name, n in ids.items())
        turn = TableField("element", pa.struct(dict.fromkeys(ids, TEXT)), (), 2, inner)
        chats = TableField("chats", pa.list_(turn.type), (), 1, (turn,))
        return Snapshot("iceberg", "t", 5, [], TableFields((chats,)))

    within = note_of(nested(a=3, b=4), NOTHING, ["chats"])["table"]
    check_columns(within, nested(a=3, b=4, c=5))
    with pytest.raises(InputError, match=r"the name 'chats.element.a' for another column"):
        check_columns(within, nested(b=3, a=4))

    dropped = note_of(of(title=2), NOTHING, ["text", "lang"], note)["table"]
    with pytest.raises(InputError, match=r"the name 'text' for another column"):
        check_columns(dropped, of(text=9))  # it was dropped, and added again

    for swapped in (of(text=2, title=1), of(text=7)):
        with pytest.raises(InputError, match=r"the name 'text' for another column.*snapshot 5"):
            check_columns(note, swapped)
