"""The kinds of values at each place of the documents, as sampled, and the one kind to write.

A place is a field, a field of an object in a field, or the items of a list. If the values of a
place have no common type, the place holds the JSON text of each value. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

# An object with more fields than this is written as JSON text: its names are data.
MOST_FIELDS = 256
# A sample keeps so many names of fields at most: an object whose names are data has no end of them.
MOST_NAMES = 4_000
# An object or list that is nested deeper than this is written as JSON text.
MOST_DEPTH = 24
LEAST_INT, MOST_INT = -(1 << 63), (1 << 63) - 1

# Why a place holds JSON text although its values have no conflict.
NEVER_A_VALUE = "no sampled document has a value there"
NO_FIELDS = "the sampled objects have no fields"

Name = Literal["text", "bool", "int", "float", "json", "list", "struct"]


@dataclass
class Seen:
    """Seen collects which values documents have at one place."""

    scalars: set[str] = field(default_factory=set)
    """Kinds of simple values: null, bool, text, int, float; wide: an int that a double changes;
    big: an int that 64 bits do not hold."""
    items: "Seen | None" = None
    """The items of lists; None if there was no list."""
    fields: "dict[str, Seen] | None" = None
    """The fields of objects, first seen first; None if there was no object."""

    def add(self, value: Any, depth: int = 0) -> None:
        """Add one value, as Python's json gives it.

        Args:
            value: the value.
            depth: how many objects and lists it lies in. What is nested more than `MOST_DEPTH` deep
                is not looked at, since no kind says more of it.
        """
        inside = depth <= MOST_DEPTH
        if isinstance(value, dict):
            self.fields = {} if self.fields is None else self.fields
            for name, inner in value.items() if inside else ():
                if known := self._known(name):
                    known.add(inner, depth + 1)
        elif isinstance(value, list):
            self.items = self.items or Seen()
            for inner in value if inside else ():
                self.items.add(inner, depth + 1)
        else:
            self.scalars.add(_scalar(value))

    def merge(self, other: "Seen") -> None:
        """Add what another sample has seen."""
        self.scalars |= other.scalars
        if other.items:
            self.items = self.items or Seen()
            self.items.merge(other.items)
        if other.fields is not None:
            self.fields = {} if self.fields is None else self.fields
            for name, inner in other.fields.items():
                if known := self._known(name):
                    known.merge(inner)

    def _known(self, name: str) -> "Seen | None":
        """Return what was seen of a field; None if there are too many fields already."""
        assert self.fields is not None  # the caller has made them
        if name not in self.fields and len(self.fields) >= MOST_NAMES:
            return None
        return self.fields.setdefault(name, Seen())


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    if isinstance(value, float):
        return "float"
    if not LEAST_INT <= value <= MOST_INT:
        return "big"
    return "int" if int(float(value)) == value else "wide"


@dataclass(frozen=True)
class Kind:
    """A Kind says how the values of one place are written."""

    name: Name
    """The kind's name; json: the JSON text of each value."""
    inner: "tuple[tuple[str, Kind], ...]" = ()
    """Fields of an object by name; for a list, its items under the name element."""
    why: str = ""
    """Why the values are written as JSON text; "" for another kind."""
    conflict: bool = False
    """The sampled values have no common type."""

    @cached_property
    def holds_json(self) -> bool:
        """Return True if this place, or one within it, holds JSON text of values."""
        return self.name == "json" or any(kind.holds_json for _, kind in self.inner)

    @property
    def reads_in_blocks(self) -> bool:
        """Return True if the sampled values can be read without their JSON text."""
        if self.name == "json":
            return self.why in (NEVER_A_VALUE, NO_FIELDS)
        return all(kind.reads_in_blocks for _, kind in self.inner)

    def stored(self) -> dict[str, Any]:
        """Return the kind for the plan's notes."""
        inner = [[name, kind.stored()] for name, kind in self.inner]
        return {"kind": self.name, "why": self.why, "conflict": self.conflict, "inner": inner}

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> "Kind":
        """Return the kind that `stored` gave."""
        inner = tuple((name, cls.of_stored(kind)) for name, kind in stored["inner"])
        return cls(stored["kind"], inner, stored["why"], stored["conflict"])


def kind_of(seen: Seen, depth: int = 0) -> Kind:
    """Return the kind that all values of a place have, or JSON text."""
    shapes = list(_shapes(seen))
    if not shapes:
        return Kind("json", why=NEVER_A_VALUE)
    if len(shapes) > 1:
        return Kind("json", why=f"the values are {' and '.join(shapes)}", conflict=True)
    if depth >= MOST_DEPTH and shapes[0] in ("lists", "objects"):
        return Kind("json", why=f"it is nested more than {MOST_DEPTH} deep", conflict=True)
    if seen.items:
        return Kind("list", (("element", kind_of(seen.items, depth + 1)),))
    if seen.fields is not None:
        return _object(seen.fields, depth)
    return _simple(seen.scalars)


def _shapes(seen: Seen) -> Iterator[str]:
    if "text" in seen.scalars:
        yield "text"
    if "bool" in seen.scalars:
        yield "true or false"
    if seen.scalars & {"int", "wide", "big", "float"}:
        yield "numbers"
    if seen.items:
        yield "lists"
    if seen.fields is not None:
        yield "objects"


def _object(fields: Mapping[str, Seen], depth: int) -> Kind:
    if not fields:
        return Kind("json", why=NO_FIELDS)
    if len(fields) > MOST_FIELDS:
        why = f"the objects have more than {MOST_FIELDS} different fields"
        return Kind("json", why=why, conflict=True)
    return Kind("struct", tuple((name, kind_of(s, depth + 1)) for name, s in fields.items()))


def _simple(scalars: set[str]) -> Kind:
    if "text" in scalars:
        return Kind("text")
    if "bool" in scalars:
        return Kind("bool")
    if "big" in scalars:
        return Kind("json", why="the integers need more than 64 bits", conflict=True)
    if "float" not in scalars:
        return Kind("int")
    if "wide" in scalars:
        why = "there are fractions, and integers that a double would change"
        return Kind("json", why=why, conflict=True)
    return Kind("float")


def json_places(fields: Sequence[tuple[str, Kind]], above: str = "") -> Iterator[tuple[str, Kind]]:
    """Yield each place that holds JSON text, by its dotted name; the items of a list are `[]`."""
    for name, kind in fields:
        place = f"{above}.{name}" if above else name or '""'
        if kind.name == "json":
            yield place, kind
        elif kind.name == "list":
            yield from json_places([("[]", kind.inner[0][1])], place)
        else:
            yield from json_places(kind.inner, place)
