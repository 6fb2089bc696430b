"""Read one line exactly: its values, and the JSON text of each value that does not fit its column.

This reader decides what is right. The reader of blocks has to give the same rows.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rm_ray.convert.kinds import LEAST_INT, MOST_INT, Kind

_BLANK = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# A number of fewer digits is never beyond a double.
_SURE_DIGITS = 300


class BadLine(Exception):
    """A BadLine says why a line is rejected: a reason that many lines may have, and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class _Misfit(Exception):
    """A value does not fit its column."""


class _NeedsText(Exception):
    """A place holds the JSON text of values, and the text has to be found first."""


@dataclass(frozen=True)
class Entry:
    """An Entry is one field of a line."""

    value: Any
    """The value, as Python's json gives it."""
    key: str
    """The JSON text of the name, as the line has it."""
    text: str
    """The JSON text of the value, as the line has it."""


@dataclass
class Row:
    """A Row is a line that was read."""

    values: dict[str, Any] = field(default_factory=dict)
    """Values of the planned fields, as pyarrow takes them."""
    extra: dict[str, Entry] = field(default_factory=dict)
    """The fields that have no column, or whose value does not fit it, by name."""
    misfits: list[str] = field(default_factory=list)
    """The names in `extra` that have a column."""

    @property
    def extra_text(self) -> str | None:
        """Return the JSON text of an object with the fields in `extra`; None if there are none."""
        if not self.extra:
            return None
        pairs = (f"{entry.key}:{entry.text}" for entry in self.extra.values())
        return f"{{{','.join(pairs)}}}"


def read_row(line: bytes, fields: Mapping[str, Kind]) -> Row:
    """Read a line.

    Args:
        line: the line, with or without its end.
        fields: the planned fields.

    Raises:
        BadLine: the line is rejected.
    """
    text, values = _read(line)
    try:
        return Row({name: _fit(value, fields[name]) for name, value in values.items()})
    except (KeyError, _Misfit, _NeedsText):
        pass  # the line is read once more, for the JSON text of its values
    try:
        return _row_with_text(text, values, fields)
    except RecursionError:
        raise _too_deep() from None


def _row_with_text(text: str, values: Mapping[str, Any], fields: Mapping[str, Kind]) -> Row:
    """Return the row of a line that is known to be right, with the JSON text that it needs."""
    row = Row()
    for name, entry in _entries(text, values).items():
        kind = fields.get(name)
        if kind is None:
            row.extra[name] = entry
            continue
        try:
            row.values[name] = _with_text(entry.text, 0, kind)[0]
        except _Misfit:
            row.extra[name] = entry
            row.misfits.append(name)
    return row


def read_values(line: bytes) -> dict[str, Any]:
    """Return the values of a line by name, in their order.

    Raises:
        BadLine: the line is rejected.
    """
    return _read(line)[1]


def read_entries(line: bytes) -> dict[str, Entry]:
    """Return the fields of a line by name, in their order, with their JSON text.

    Raises:
        BadLine: the line is rejected.
    """
    return _entries(*_read(line))


def _read(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start + 1} of the line: {error.reason}"
        raise BadLine("invalid UTF-8", detail) from None
    try:
        value, end = _value(text, _after_blank(text, 0))
        end = _after_blank(text, end)
        if end < len(text):
            raise json.JSONDecodeError("Something follows the value", text, end)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise BadLine("invalid JSON", f"{error.msg}, at character {error.pos + 1}") from None
    except UnicodeEncodeError:
        detail = "an escape such as \\ud800 is half a character, which UTF-8 cannot hold"
        raise BadLine("lone surrogate", detail) from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise BadLine("not an object", "the line is valid JSON, and no object")
    return text, value


def _entries(text: str, values: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the fields of a line that is known to be right, with their JSON text."""
    entries: dict[str, Entry] = {}
    position = _after_blank(text, 0)
    for value in values.values():  # each after "{" or ","
        start = _after_blank(text, position + 1)
        name, end = _DECODER.parse_string(text, start + 1, True)
        key, position = text[start:end], _after_blank(text, end)
        start = _after_blank(text, position + 1)
        _, end = _value(text, start)
        entries[name] = Entry(value, key, text[start:end])
        position = _after_blank(text, end)
    return entries


def _after_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    assert match is not None  # it matches nothing too
    return match.end()


def _value(text: str, position: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.scan_once(text, position)
    except StopIteration as error:
        raise json.JSONDecodeError("Expecting a value", text, error.value) from None
    return value, end


def _fit(value: Any, kind: Kind) -> Any:
    """Return a value for a place that holds no JSON text, or only nulls.

    Raises:
        _Misfit: the value does not fit.
        _NeedsText: a place needs the JSON text of the value.
    """
    if value is None:
        return None
    if kind.name == "text" and isinstance(value, str):
        return value
    if kind.name == "bool" and isinstance(value, bool):
        return value
    if kind.name == "int" and type(value) is int and LEAST_INT <= value <= MOST_INT:
        return value
    if kind.name == "float" and isinstance(value, float):
        return value
    if kind.name == "float" and type(value) is int and int(float(value)) == value:
        return float(value)
    if kind.name == "list" and isinstance(value, list):
        return [_fit(item, kind.inner[0][1]) for item in value]
    if kind.name == "struct" and isinstance(value, dict):
        fields = dict(kind.inner)
        if value.keys() <= fields.keys():
            return {name: _fit(inner, fields[name]) for name, inner in value.items()}
    if kind.name == "json":
        raise _NeedsText
    raise _Misfit


def _with_text(text: str, position: int, kind: Kind) -> tuple[Any, int]:
    """Return the value at a position of valid JSON, with the text of places that hold JSON text,
    and the position after it.
    """
    position = _after_blank(text, position)
    value, end = _value(text, position)
    if value is None:
        return None, end
    if kind.name == "json":
        return text[position:end], end
    if not kind.holds_json:
        return _fit(value, kind), end
    if kind.name == "list" and isinstance(value, list):
        return _list_with_text(text, position, kind.inner[0][1]), end
    if kind.name == "struct" and isinstance(value, dict):
        return _object_with_text(text, position, dict(kind.inner)), end
    raise _Misfit


def _list_with_text(text: str, position: int, kind: Kind) -> list[Any]:
    values: list[Any] = []
    position = _after_blank(text, position + 1)
    while text[position] != "]":
        value, position = _with_text(text, position, kind)
        values.append(value)
        position = _after_blank(text, position)
        if text[position] == ",":
            position = _after_blank(text, position + 1)
    return values


def _object_with_text(text: str, position: int, fields: Mapping[str, Kind]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    position = _after_blank(text, position + 1)
    while text[position] != "}":
        name, position = _DECODER.parse_string(text, position + 1, True)
        if name not in fields:
            raise _Misfit
        position = _after_blank(text, position) + 1
        values[name], position = _with_text(text, position, fields[name])
        position = _after_blank(text, position)
        if text[position] == ",":
            position = _after_blank(text, position + 1)
    return values


def _too_deep() -> BadLine:
    return BadLine("nested too deep", "the values are nested too deep to be read")


def _doubled(name: str) -> BadLine:
    return BadLine("duplicate key", f"the field {name[:100]!r} stands twice in one object")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise _doubled(next(name for name in names if names.count(name) > 1))
    return values


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _beyond(text)
    return number


def _int(text: str) -> int:
    if len(text) > _SURE_DIGITS and abs(float(text)) == float("inf"):
        raise _beyond(text)
    return int(text)


def _beyond(text: str) -> BadLine:
    return BadLine("number beyond double", f"{text[:40]} is more than a double holds")


def _constant(text: str) -> Any:
    raise BadLine("NaN or infinity", f"{text} is no JSON")


_DECODER: Any = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)
