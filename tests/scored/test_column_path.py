"""Columns in words: known answers, and what is refused."""

import pyarrow as pa
import pytest

from rm_ray.errors import ConfigError
from rm_ray.scored.column_path import ColumnPath

ROWS = pa.table({
    "n": [1, None, 3],
    "l": [[1.0, 2.0], None, []],
    "s": [{"a": 1, "b": [5]}, None, {"a": None, "b": []}],
    "a-b": ["u", "v", None],
})  # fmt: skip


@pytest.mark.parametrize(
    "text, column, value",
    [
        ("n", "n", [1, None, 3]),
        ("l[1]", "l", [2.0, None, None]),
        ("s.a", "s", [1, None, None]),
        ("s.b[0]", "s", [5, None, None]),
        ("column('a-b')", "a-b", ["u", "v", None]),
    ],
)
def test_what_is_meant(text, column, value):
    path = ColumnPath.parse(text)
    assert path.of(ROWS).to_pylist() == value and path.column == column


@pytest.mark.parametrize(
    "text, said",
    [
        ("n + 1", "cannot read 'n \\+ 1' in 'n \\+ 1': give a column such as lang"),
        ("n >= 2", "give a column such as lang"),
        ("__import__('os').system('true')", "cannot read"),
        ("(lambda: 1)()", "cannot read"),
        ("class", "write a column of any name as column\\('class'\\)"),
        ("", "cannot read ''"),
    ],
)
def test_nothing_else_is_understood(text, said):
    with pytest.raises(ConfigError, match=said):
        ColumnPath.parse(text)


@pytest.mark.parametrize("text", ["s.c", "n[0]", "m"])
def test_what_does_not_fit_the_columns(text):
    with pytest.raises(ConfigError, match="cannot work out"):
        ColumnPath.parse(text).of(ROWS)


def test_a_field_that_is_json_is_text():
    inner = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None]))
    rows = pa.table({"s": pa.StructArray.from_arrays([inner], ["j"])})
    assert ColumnPath("s.j").of(rows).to_pylist() == ["{}", None]
    assert ColumnPath("s.j").of(rows).type == pa.string()


@pytest.mark.parametrize(
    ("text", "name"),
    [("lang", "lang"), ("column('a-b')", "a-b"), ("meta.lang", "meta.lang")],
)
def test_a_run_keeps_a_column_under_its_name(text, name):
    assert ColumnPath(text).kept_as == name
