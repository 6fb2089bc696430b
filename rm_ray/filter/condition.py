"""The condition `rule.where`: one SQL expression that DuckDB evaluates over rows in memory.

DuckDB is given the rows and the expression, and nothing else: no file, no other table, one thread.
The expression may only use functions with the same value each time, since a resumed filter
evaluates the expression again.
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
from rm_ray.corpus.groups import printable
from rm_ray.errors import ConfigError

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
# DuckDB calls these functions consistent, but they read the clock (age does with one argument).
_CHANGING = {"age", "current_localtime", "current_localtimestamp"}
# Macros that use only allowed functions; DuckDB does not say if a macro is consistent.
_MACROS = {"nullif"}
_HINT = (
    "write SQL as DuckDB reads it: lang = 'en' and n_tokens >= 128, day between '2024-01-01' and "
    "'2024-06-30', x is null, a column by any name in double quotes (\"a-b\")"
)
REMEDY = (
    "convert a column whose type does not fit, as in try_cast(year as bigint) >= 2024, which is "
    "null if year is no number; the names of hive folders are text, as in year >= '2024'; a moment "
    "in nanoseconds with a zone has a year as moment::timestamptz; both sides of `and` are "
    "evaluated for every row: case when a then b end evaluates b only where a holds"
)


@dataclass(frozen=True)
class Condition:
    """A condition on columns is a text in SQL."""

    text: str
    """The SQL expression."""

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Check that the text is one condition on columns.

        Raises:
            ConfigError: the text is not one condition; the message names the part at fault.
        """
        if not _columns(text):
            raise ConfigError(f"{text!r} names no column")
        return cls(text)

    @property
    def columns(self) -> list[str]:
        """Return the columns that the condition names, each once."""
        return list(_columns(self.text))

    def holds(self, rows: pa.Table) -> pa.Array:
        """Return True for each row for which the condition is true; False if it is false or null.

        Raises:
            ConfigError: the condition does not fit the columns, or its values are not booleans.
        """
        own = self.columns
        if missing := [name for name in own if name not in rows.column_names]:
            raise ConfigError(f"cannot work out {self.text!r}: there is no column {missing[0]!r}")
        if twice := [name for name in own if [n.lower() for n in own].count(name.lower()) > 1]:
            raise ConfigError(
                f"{self.text!r} names the columns {' and '.join(twice)}, which DuckDB does not "
                "tell apart; rename one of them"
            )
        table = pa.table({name: _for_duckdb(rows.column(name)) for name in own})
        try:
            with _database().cursor() as database:
                values = database.from_arrow(table).project(f"({self.text}\n) AS held")
                held = values.to_arrow_table().column(0)
        except duckdb.Error as error:
            raise ConfigError(f"cannot work out {self.text!r}: {_message(error)}") from None
        if not pa.types.is_boolean(held.type):
            raise ConfigError(f"{self.text!r} is {held.type} and no condition")
        return pc.fill_null(held, False).combine_chunks()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Open this process's database, which holds nothing and reaches nothing."""
    database = duckdb.connect(config={"threads": 1, "temp_directory": ""})
    for setting in _SETTINGS:
        database.execute(f"SET {setting}")
    return database


@cache
def _columns(text: str) -> tuple[str, ...]:
    """Return the columns that a condition names.

    Raises:
        ConfigError: the text is not one condition.
    """
    tree, frame = _parsed(text), _parsed("true")
    condition = tree.pop("where_clause", None)
    del frame["where_clause"]
    if tree != frame:
        raise ConfigError(f"cannot read {text!r}: it is more than a condition; {_HINT}")
    return tuple(dict.fromkeys(_names(condition, text)))


def _parsed(text: str) -> dict[str, Any]:
    """Return DuckDB's parse tree of a query with the condition.

    Raises:
        ConfigError: DuckDB cannot read it.
    """
    query = f"SELECT * FROM rows WHERE (\n{text}\n)"
    row = _database().cursor().execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    answer = json.loads(row[0]) if row else {}
    if answer["error"]:
        raise ConfigError(f"cannot read {text!r}: {_on_one_line(answer['error_message'])}; {_HINT}")
    if len(answer["statements"]) != 1:
        raise ConfigError(f"cannot read {text!r}: it is more than a condition; {_HINT}")
    node: dict[str, Any] = answer["statements"][0]["node"]
    return node


def _names(node: Any, text: str) -> Iterator[str]:
    """Yield the columns in a part of a parse tree.

    Raises:
        ConfigError: the part has a node that a condition may not have.
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
            f"cannot read {text!r}: a condition looks at one row at a time and has no "
            f"{kind.lower()}; {_HINT}"
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
    """Return True if a node of a parse tree is a text, for example the name of a field."""
    return (node.get("literal") or {}).get("kind") == "STRING"


@cache
def _functions() -> frozenset[str]:
    """Return the names of DuckDB's functions of one row that give the same value each time."""
    query = (
        "SELECT function_name FROM duckdb_functions() GROUP BY ALL "
        "HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')"
    )
    rows = _database().cursor().execute(query).fetchall()
    return frozenset(name for (name,) in rows) - _CHANGING | _MACROS


def _for_duckdb(values: Any) -> Any:
    """Convert values to a type that DuckDB reads."""
    values = as_plain(values)
    kind = _readable_type(values.type)
    return values if kind == values.type else values.cast(kind)


def _readable_type(kind: pa.DataType) -> pa.DataType:
    """Return the type to convert values to. DuckDB reads no half floats, also inside structs and
    lists, so these become float32.

    Raises:
        ConfigError: two fields of a struct differ in case only; DuckDB does not tell these apart.
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
        return pa.struct([field.with_type(_readable_type(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_readable_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_readable_type(kind.value_type)))
    return kind


def _message(error: duckdb.Error) -> str:
    """Return DuckDB's message, without the kind of its error and the query."""
    message, _, _ = str(error).partition("\n\nLINE ")
    return _on_one_line(re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", message))


def _on_one_line(message: str) -> str:
    return printable(" ".join(message.split())[:600])
