"""Shared by the readers' programs: read a source and its copy, and compare them.

A program of this kind is run as `python PROGRAM`. Every line of its input is a task in JSON, with
these keys: `name`, `source`, `copies` (paths), `rows` (numbers of the kept rows), `dropped` and
`reshaped` (names of columns). The program prints a line of JSON when it begins to read a file, and
one with the verdict.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column as a reader knows it."""

    name: str
    type: str
    values: Any


# Reads a file: the rows of these numbers, or all rows.
Read = Callable[[str, Sequence[int] | None], list[Column]]
# Whether the values of two columns are equal, and NaN to NaN.
Equal = Callable[[Any, Any], bool]
# Values of a column, one after the other.
Joined = Callable[[list[Any]], Any]


def same(one: Any, other: Any) -> bool:
    """Return True if two values are equal and of one type. NaN is equal to NaN."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "tolist"):
        return same(one.tolist(), other.tolist())
    # 0.0 == -0.0 is true in Python, and their texts differ
    return bool(one == other and repr(one) == repr(other)) or bool(one != one and other != other)


def chained(parts: list[list[Any]]) -> list[Any]:
    """Join several lists to one."""
    return [value for part in parts for value in part]


def compare(source: list[Column], copy: list[Column], task: dict[str, Any], equal: Equal) -> str:
    """Describe how a copy differs; the text is empty if it does not."""
    source, copy = (_plain(columns, task) for columns in (source, copy))
    names = [[column.name for column in columns] for columns in (source, copy)]
    if names[0] != names[1]:
        return f"columns {names[1]} in place of {names[0]}"
    types, values = [], []
    for before, after in zip(source, copy, strict=True):
        if before.type != after.type:
            types.append(f"{before.name}: {before.type} became {after.type}")
        elif not equal(before.values, after.values):
            values.append(before.name)
    said = [f"types differ: {'; '.join(types[:3])}"] if types else []
    said += [f"values differ in {', '.join(values[:3])}"] if values else []
    return "; ".join(said)


def reshaped(source: list[Column], copy: list[Column], task: dict[str, Any], equal: Equal) -> str:
    """Return the columns in another structure with values that differ."""
    after = {column.name: column.values for column in copy}
    other = [
        one.name
        for one in source
        if _is_of(one.name, task["reshaped"])
        and not (one.name in after and equal(one.values, after[one.name]))
    ]
    return ", ".join(other)


def _plain(columns: list[Column], task: dict[str, Any]) -> list[Column]:
    """Return the columns that are written unchanged."""
    other = [*task["dropped"], *task["reshaped"]]
    return [column for column in columns if not _is_of(column.name, other)]


def _is_of(name: str, columns: list[str]) -> bool:
    """Return True if a name is one of these columns, or inside one of them in fastparquet's
    naming.
    """
    return any(name == one or name.startswith(f"{one}.") for one in columns)


def say(**words: str) -> None:
    """Print a line for the program that started this one."""
    print(json.dumps(words), flush=True)


def tell(task: dict[str, Any], read: Read, equal: Equal, joined: Joined) -> None:
    """Compare one file with its copies, and print the verdict."""
    reading = "source"
    try:
        say(name=task["name"], began=reading)
        source = read(task["source"], task["rows"])
        reading = "copy"
        say(name=task["name"], began=reading)
        parts = [read(path, None) for path in task["copies"]]
        copy = [
            Column(*one[0][:2], joined([column.values for column in one]))
            for one in zip(*parts, strict=True)
        ]
        reading = "comparison"
        said = compare(source, copy, task, equal)
        other = reshaped(source, copy, task, equal)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of Polars is no Exception
        text = " ".join(f"{type(error).__name__}: {error}".split())
        say(name=task["name"], failed=reading, said=text[:300])
        return
    say(name=task["name"], differs=said, reshaped=other)


def answer(read: Read, equal: Equal = same, joined: Joined = chained) -> None:
    """Answer all tasks of the input."""
    warnings.filterwarnings("ignore")
    lines: Iterable[str] = sys.stdin
    for line in lines:
        tell(json.loads(line), read, equal, joined)
