"""The condition `rule.where`: one SQL expression that DuckDB works out over rows in memory.

DuckDB is given rows and the expression, and nothing else: no file, no other table, one thread. The
expression holds only what has the same value each time, since a filter that goes on works it out
again.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.columns import as_plain
from rm_ray.errors import ConfigError
from rm_ray.scored.groups import printable

LANGUAGE = "DuckDB"
_SETTINGS = (
    "TimeZone = 'UTC'",
    "autoload_known_extensions = false",
    "python_enable_replacements = false",
    "enable_external_access = false",
    "lock_configuration = true",
)
# Kinds of nodes in DuckDB's parse tree that a condition may have.
_NODES = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "OPERATOR",
    "TYPE",
}
# DuckDB calls these consistent, and they look at the clock; age does with one argument.
_CHANGING = {"age", "current_localtime", "current_localtimestamp"}
# Macros over what is allowed; DuckDB says of no macro whether it is consistent.
_MACROS = {"nullif"}
_HINT = (
    "write SQL as DuckDB reads it: lang = 'en' and n_tokens >= 128, day between '2024-01-01' and "
    "'2024-06-30', x is null, a column by any name in double quotes (\"a-b\")"
)
REMEDY = (
    "convert a column whose type does not fit, as in try_cast(year as bigint) >= 2024, which is "
    "null where it is no number; the names of hive folders are text, as in year >= '2024'; what "
    "comes after `and` is worked out for every row: case when a then b end leaves rows out"
)


@dataclass(frozen=True)
class Condition:
    """A condition on columns, in SQL."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Check that the text is one condition on columns.

        Raises:
            ConfigError: it is not; the message names what is not understood.
        """
        if not _columns(text):
            raise ConfigError(f"{text!r} speaks of no column")
        return cls(text)

    @property
    def columns(self) -> list[str]:
        """The columns that it speaks of, each once."""
        return list(_columns(self.text))

    def holds(self, rows: pa.Table) -> pa.Array:
        """Tell of each row whether the condition is true; where it is null, it is not.

        Raises:
            ConfigError: the condition does not fit the columns, or is no condition.
        """
        own = self.columns
        if missing := [name for name in own if name not in rows.column_names]:
            raise ConfigError(f"cannot work out {self.text!r}: there is no column {missing[0]!r}")
        if twice := [name for name in own if [one.lower() for one in own].count(name.lower()) > 1]:
            raise ConfigError(
                f"{self.text!r} speaks of {' and '.join(twice)}, which DuckDB does not tell apart; "
                "rename one of them"
            )
        table = pa.table({name: _for_duckdb(rows.column(name)) for name in own})
        try:
            with _database().cursor() as database:
                values = database.from_arrow(table).project(f"({self.text}\n) AS held")
                held = values.to_arrow_table().column(0)
        except duckdb.Error as error:
            raise ConfigError(f"cannot work out {self.text!r}: {_said(error)}") from None
        if not pa.types.is_boolean(held.type):
            raise ConfigError(f"{self.text!r} is {held.type} and no condition")
        return pc.fill_null(held, False).combine_chunks()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """The database of this process, which holds nothing and reaches nothing."""
    database = duckdb.connect(config={"threads": 1, "temp_directory": ""})
    for setting in _SETTINGS:
        database.execute(f"SET {setting}")
    return database


@cache
def _columns(text: str) -> tuple[str, ...]:
    """The columns that a condition speaks of.

    Raises:
        ConfigError: it is no condition.
    """
    tree, frame = _parsed(text), _parsed("true")
    condition = tree.pop("where_clause", None)
    del frame["where_clause"]
    if tree != frame:
        raise ConfigError(f"cannot read {text!r}: it is more than a condition; {_HINT}")
    return tuple(dict.fromkeys(_names(condition, text)))


def _parsed(text: str) -> dict[str, Any]:
    """DuckDB's parse tree of a query with the condition.

    Raises:
        ConfigError: DuckDB cannot read it.
    """
    query = f"SELECT * FROM rows WHERE (\n{text}\n)"
    found = _database().cursor().execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    answer = json.loads(found[0]) if found else {}
    if answer["error"]:
        raise ConfigError(f"cannot read {text!r}: {_on_one_line(answer['error_message'])}; {_HINT}")
    if len(answer["statements"]) != 1:
        raise ConfigError(f"cannot read {text!r}: it is more than a condition; {_HINT}")
    node: dict[str, Any] = answer["statements"][0]["node"]
    return node


def _names(node: Any, text: str) -> Iterator[str]:
    """The columns in a part of a parse tree.

    Raises:
        ConfigError: something in it is not allowed.
    """
    if isinstance(node, list):
        for part in node:
            yield from _names(part, text)
    if not isinstance(node, dict):
        return
    if "class" in node:
        _check(node, text)
    if node.get("class") == "COLUMN_REF":
        yield node["column_names"][0]
    for part in node.values():
        yield from _names(part, text)


def _check(node: Mapping[str, Any], text: str) -> None:
    """Refuse a node of a parse tree that a condition may not have. Raises ConfigError."""
    kind = node["class"]
    if kind not in _NODES:
        raise ConfigError(
            f"cannot read {text!r}: a condition is of one row, and has no {kind.lower()}; {_HINT}"
        )
    if kind == "FUNCTION" and node["function_name"].lower() not in _functions():
        raise ConfigError(
            f"cannot read {text!r}: DuckDB has no function {node['function_name']} of one row that "
            "gives the same value each time"
        )
    if node["type"] == "ARRAY_EXTRACT" and not _is_text(node["children"][1]):
        raise ConfigError(
            f"cannot read {text!r}: [1] counts from 1 in SQL, and from 0 in rewards.column and in "
            "older versions of rm_ray; write list_extract(column, 1), which counts from 1"
        )


def _is_text(node: Mapping[str, Any]) -> bool:
    """Whether a node of a parse tree is a text, such as the name of a field."""
    return (node.get("literal") or {}).get("kind") == "STRING"


@cache
def _functions() -> frozenset[str]:
    """The names of DuckDB's functions of one row that give the same value each time."""
    asked = (
        "SELECT function_name FROM duckdb_functions() GROUP BY ALL "
        "HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')"
    )
    rows = _database().cursor().execute(asked).fetchall()
    return frozenset(name for (name,) in rows) - _CHANGING | _MACROS


def _for_duckdb(values: Any) -> Any:
    """The values in a type that DuckDB reads."""
    values = as_plain(values)
    kind = _known(values.type)
    return values if kind == values.type else values.cast(kind)


def _known(kind: pa.DataType) -> pa.DataType:
    """The type in which DuckDB reads values: it has no half floats, in structs and lists neither.

    Raises:
        ConfigError: two fields of a struct differ in case alone, which DuckDB does not tell apart.
    """
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        if twice := [n for n in names if [m.lower() for m in names].count(n.lower()) > 1]:
            raise ConfigError(
                f"DuckDB does not tell the fields {' and '.join(twice)} apart; leave the column "
                "out of the condition, or rename one of them"
            )
        return pa.struct([field.with_type(_known(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_known(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_known(kind.value_type)))
    return kind


def _said(error: duckdb.Error) -> str:
    """What DuckDB says, without the kind of its error and the query."""
    said, _, _ = str(error).partition("\n\nLINE ")
    return _on_one_line(re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", said))


def _on_one_line(said: str) -> str:
    return printable(" ".join(said.split())[:600])
