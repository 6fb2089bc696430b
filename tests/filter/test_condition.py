"""Conditions in SQL: known answers, and what is refused."""

import contextlib
import time
import uuid
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa
import pytest

from rm_ray.errors import ConfigError
from rm_ray.filter.condition import Condition, _functions

NAN = float("nan")
ROWS = pa.table({
    "n": [1, None, 3],
    "lang": ["en", "de", None],
    "day": [date(2024, 1, 1), None, date(2024, 2, 29)],
    "seen": pa.array([datetime(2024, 1, 1, 23, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
    "year": ["2023", "2024", "2025"],
    "f": pa.array([0.7, NAN, None], pa.float32()),
    "h": pa.array([0.5, 1.5, None], pa.float16()),
    "big": pa.array([2**64 - 1, 2**63, 0], pa.uint64()),
    "l": [[1.0, 2.0], None, []],
    "s": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
    "a-b": ["u", "v", None],
    "yes": [True, False, None],
})  # fmt: skip

ANSWERS = {
    # everyday SQL
    "n = 1": [True, False, False],
    "n <> 1": [False, False, True],
    "n BETWEEN 1 AND 2": [True, False, False],
    "lang LIKE 'e%'": [True, False, False],
    "lang IN ('en', 'fr')": [True, False, False],
    "lang NOT IN ('en', 'fr')": [False, True, False],
    "lang IS NULL OR n IS NULL": [False, True, True],
    "NOT n > 1": [True, False, False],
    "\"a-b\" = 'u'": [True, False, False],
    "yes": [True, False, False],
    "s.b = 'y' AND s.a IS NULL": [False, False, True],
    "list_extract(l, 2) = 2": [True, False, False],
    "length(lang) = 2 -- of letters": [True, True, False],
    # dates and moments; no machine's time zone plays a part
    "day >= '2024-01-15'": [False, False, True],
    "day BETWEEN '2024-01-01' AND '2024-01-31'": [True, False, False],
    "year(day) = 2024 AND month(day) = 2": [False, False, True],
    "seen >= '2024-01-01 22:59:59' AND seen < '2024-01-02'": [True, False, False],
    "seen = '2024-01-02T00:00:00+01:00'": [True, False, False],
    # hive folders are text
    "year >= '2024'": [False, True, True],
    "try_cast(year AS BIGINT) >= 2025": [False, False, True],
    # numbers as their columns have them
    "f >= 0.7": [True, True, False],
    "f = 0.7": [True, False, False],
    "f IN (0.7)": [True, False, False],
    "isnan(f)": [False, True, False],
    "h = 1.5": [False, True, False],
    "big > 9223372036854775808": [True, False, False],
    "big >= 18446744073709551616": [False, False, False],
    # what older versions read
    "n == 1 and lang != 'de'": [True, False, False],
    "lang in ['en', 'de']": [True, True, False],
    "n in []": [False, False, False],
}


@pytest.mark.parametrize("text", ANSWERS)
def test_what_holds(text):
    assert Condition.parse(text).holds(ROWS).to_pylist() == ANSWERS[text]


REFUSED = {
    "n is None": 'syntax error at or near "None"; write SQL as DuckDB reads it',
    "1 < n < 3": "Chained comparisons are not supported, use AND",
    "column('a-b') = 'u'": 'a column by any name in double quotes ("a-b")',
    "l[n] > 0": "counts from 1 in SQL",
    "day < current_localtimestamp()": "no function current_localtimestamp",
    "l[1] > 0": "counts from 1 in SQL, and from 0 in rewards.column and in older versions",
    "n in {1}": "syntax error",
    "": "names no column",
    "1 = 1": "names no column",
    "n > 0; n < 3": "syntax error",
    "n > 0) ORDER BY (n": "it is more than a condition",
    "n > 0) UNION (SELECT 1": "it is more than a condition",
    "n IN (SELECT 1)": "has no subquery",
    "sum(n) > 1": "has no function sum of one row",
    "row_number() OVER () > n": "has no window",
    "n = ?": "has no parameter",
    "* > 1": "has no star",
    # another value at another time, or another machine's
    "random() > n": "no function random of one row that gives the same value each time",
    "day < now()": "no function now",
    "age(day) > INTERVAL 1 YEAR": "no function age",
    "current_setting('threads') > n": "no function current_setting",
    "read_text('a') = lang": "no function read_text",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_condition(text):
    with pytest.raises(ConfigError) as refused:
        Condition.parse(text)
    assert REFUSED[text] in str(refused.value)


MISFITS = {
    "current_date > day": "there is no column 'current_date'",
    'lang = "en"': "there is no column 'en'",
    "n + 1": "is int64 and no condition",
    "lang > 3": "Cannot compare values of type VARCHAR and type INTEGER_LITERAL",
    "lang = 3": "Could not convert string 'en' to INT32",
    "day = 'yesterday'": 'invalid date field format: "yesterday"',
    "day = '2024-02-30'": "date field value out of range",
    "s.c = 1": 'Could not find key "c" in struct',
}


@pytest.mark.parametrize("text", MISFITS)
def test_what_does_not_fit_the_columns(text):
    with pytest.raises(ConfigError) as refused:
        Condition.parse(text).holds(ROWS)
    assert MISFITS[text] in str(refused.value)


def test_columns_are_named_once():
    assert Condition.parse('s.a > 1 and n > 2 or s.b = "a-b"').columns == ["s", "n", "a-b"]


def test_columns_that_differ_in_case_alone_are_not_mixed_up():
    rows = pa.table({"n": [1, 2], "N": [2, 1]})
    assert Condition.parse("N = 1").holds(rows).to_pylist() == [False, True]
    with pytest.raises(ConfigError, match="n and N, which DuckDB does not tell apart"):
        Condition.parse("n < N").holds(rows)


def test_fields_that_differ_in_case_alone_are_refused():
    rows = pa.table({"s": [{"x": 1, "X": 2}]})
    with pytest.raises(ConfigError, match="does not tell the fields x and X apart"):
        Condition.parse("s.X = 2").holds(rows)


def test_half_floats_within_structs_and_lists_are_read():
    kind = pa.struct({"lang": pa.string(), "h": pa.list_(pa.float16())})
    rows = pa.table({"meta": pa.array([{"lang": "en", "h": [0.5]}, None], kind)})
    assert Condition.parse("meta.lang = 'en'").holds(rows).to_pylist() == [True, False]
    assert Condition.parse("list_extract(meta.h, 1) > 0").holds(rows).to_pylist() == [True, False]


def test_no_function_looks_at_the_clock_or_at_chance():
    """Every function that DuckDB allows without an argument gives the same value after a while."""
    asked = duckdb.connect()
    names = asked.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' "
        "AND len(parameters) = 0 AND function_name SIMILAR TO '[a-z_0-9]+'"
    ).fetchall()  # fmt: skip
    allowed = [name for (name,) in names if name in _functions()]
    assert allowed and not [name for name in allowed if "current" in name or "now" in name]

    def values():
        found = {}
        for name in allowed:
            with contextlib.suppress(duckdb.Error):  # it wants an argument all the same
                found[name] = asked.execute(f"SELECT {name}()").fetchone()
        return found

    before = values()
    assert "pi" in before
    time.sleep(0.01)
    assert values() == before


def test_documents_are_values_and_never_read_as_sql():
    hostile = "x' OR read_text('/etc/hostname') <> '"
    rows = pa.table({"text": [hostile, "x"], "rows": ["a", hostile]})
    condition = Condition.parse("text = 'x' OR \"rows\" LIKE '%read_text%'")
    assert condition.holds(rows).to_pylist() == [False, True]
    assert Condition.parse("text = 'y'").holds(rows).to_pylist() == [False, False]


def test_what_types_of_databases_are_compared_with():
    raw = [uuid.UUID(int=7).bytes, None]
    rows = pa.table({
        "u": pa.ExtensionArray.from_storage(pa.uuid(), pa.array(raw, pa.binary(16))),
        "j": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", "[]"])),
        "d": pa.array(["a", None]).dictionary_encode(),
        "v": pa.array(["a", "b"], pa.string_view()),
    })  # fmt: skip
    for text, held in {
        "u = '00000000-0000-0000-0000-000000000007'": [True, False],
        "j IN ('[]', 'x')": [False, True],
        "d = 'a' OR d = 'never there'": [True, False],
        "v > 'a'": [False, True],
    }.items():
        assert Condition.parse(text).holds(rows).to_pylist() == held, text
