"""Columns and conditions in words, and what they are not."""

import uuid

import pyarrow as pa
import pytest

from rm_ray.corpus.formulas import Formula
from rm_ray.errors import ConfigError

ROWS = pa.table({
    "n": [1, None, 3],
    "l": [[1.0, 2.0], None, []],
    "s": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
    "a-b": ["u", "v", None],
})  # fmt: skip


@pytest.mark.parametrize(
    "text, value",
    [
        ("n", [1, None, 3]),
        ("l[1]", [2.0, None, None]),
        ("s.a", [1, None, None]),
        ("n >= 2", [False, None, True]),
        ("1 < n <= 3", [False, None, True]),
        ("not n > 1", [True, None, False]),
        ("n not in [1]", [False, None, True]),
        ("s.b in ['x', 'z']", [True, None, False]),
        ("n is None or s.a == 1", [True, True, None]),
        ("n is not None and n != 3", [True, False, False]),
        ("column('a-b') != 'u'", [False, True, None]),
    ],
)
def test_what_is_meant(text, value):
    assert Formula.parse(text).of(ROWS).to_pylist() == value


def test_a_condition_that_is_null_does_not_hold():
    assert Formula("n >= 2").holds(ROWS).to_pylist() == [False, False, True]
    with pytest.raises(ConfigError, match=r"'s\.b' is string and no condition"):
        Formula("s.b").holds(ROWS)


def test_columns_are_named_once():
    assert Formula("s.a > 1 and n > 2 or s.b == column('a-b')").columns == ["s", "n", "a-b"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("n = 2", "equality is written =="),
        ("n + 1 > 2", "cannot read 'n \\+ 1'"),
        ("__import__('os').system('true')", "cannot read"),
        ("n in m", "'m' in 'n in m' is not a value"),
        ("(lambda: 1)()", "cannot read"),
        ("s.b is 'x'", "asked for as 'is None'"),
        ("s.b == None", "asked for as 'is None'"),
        ("class == 'x'", "column\\('class'\\) is a column by any name"),
        ("", "cannot read ''"),
    ],
)
def test_nothing_else_is_understood(text, said):
    with pytest.raises(ConfigError, match=said):
        Formula.parse(text)


@pytest.mark.parametrize("text", ["s.c", "n == 'x'", "l > 2", "n[0]"])
def test_what_does_not_fit_the_columns(text):
    with pytest.raises(ConfigError, match="cannot work out"):
        Formula.parse(text).of(ROWS)


def test_what_types_of_databases_are_compared_with():
    raw = [uuid.UUID(int=7).bytes, None]
    rows = pa.table({
        "u": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(raw, pa.binary(16))),
        "j": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", "[]"])),
        "s": pa.StructArray.from_arrays(
            [pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None]))], ["j"]
        ),
    })  # fmt: skip
    assert Formula("u == '00000000-0000-0000-0000-000000000007'").holds(rows).to_pylist() == [
        True, False,
    ]  # fmt: skip
    assert Formula("j in ['[]', 'x']").holds(rows).to_pylist() == [False, True]
    assert Formula("s.j != '[]'").holds(rows).to_pylist() == [True, False]
    assert Formula("u").of(rows.slice(0, 0)).type == pa.string()
