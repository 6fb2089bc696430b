"""The schema of a file, element by element: names, physical types, annotations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rm_ray.parquet.thrift import Struct, get

# Numbers of SchemaElement's fields.
TYPE, LENGTH, REPETITION, NAME, CHILDREN, CONVERTED, LOGICAL = 1, 2, 3, 4, 5, 6, 10
# Physical types.
BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)
# Converted types, and numbers of LogicalType's fields.
CONVERTED_MAP, CONVERTED_MAP_KEY_VALUE, CONVERTED_LIST = 1, 2, 3
CONVERTED_UNSIGNED = range(11, 15)
LOGICAL_MAP, LOGICAL_LIST, LOGICAL_INTEGER = 2, 3, 10
# Annotations of bytes whose order is the plain order of their bytes: UTF8, ENUM, JSON, BSON, UUID.
CONVERTED_BYTEWISE = {0, 4, 19, 20}
LOGICAL_BYTEWISE = {1, 4, 12, 13, 14}
# Annotations of numbers: decimals, dates, times, timestamps, integers, columns of nulls.
LOGICAL_NUMBERS = {5, 6, 7, 8, 10, 11}


@dataclass(frozen=True)
class Element:
    """One element of a schema, with the elements below it."""

    stored: Struct
    """The element as the footer has it."""
    path: tuple[str, ...]
    """The names from the top-level column down to the element."""
    children: tuple["Element", ...]
    """The elements directly below it."""

    @property
    def physical(self) -> int | None:
        """The physical type; None for a group."""
        kind: int | None = get(self.stored, TYPE)
        return kind

    @property
    def converted(self) -> int | None:
        """The older annotation."""
        kind: int | None = get(self.stored, CONVERTED)
        return kind

    @property
    def logical(self) -> int | None:
        """The newer annotation: the number of the field of LogicalType that is set."""
        kind = get(self.stored, LOGICAL)
        return kind[0].id if kind else None

    @property
    def shape(self) -> tuple[object, ...]:
        """What decides how values are stored: physical types, lengths, repetition, structure."""
        length = get(self.stored, LENGTH) if self.physical == FIXED else None
        own = (self.physical, length, get(self.stored, REPETITION, 0))
        return (own, *(child.shape for child in self.children))

    def all(self) -> "Iterator[Element]":
        """The element and those below it, depth first, as a footer has them."""
        yield self
        for child in self.children:
            yield from child.all()

    def leaves(self) -> "Iterator[Element]":
        """The elements that have values."""
        return (each for each in self.all() if each.physical is not None)

    @property
    def is_unsigned(self) -> bool:
        """Whether it is annotated as an unsigned integer."""
        if self.converted in CONVERTED_UNSIGNED:
            return True
        kind = get(get(self.stored, LOGICAL, []), LOGICAL_INTEGER)
        return kind is not None and not get(kind, 2, True)

    @property
    def is_list_or_map(self) -> bool:
        """Whether it is a group that is annotated as a list or a map, or as a map's pairs."""
        return self.physical is None and (
            self.converted in (CONVERTED_MAP, CONVERTED_MAP_KEY_VALUE, CONVERTED_LIST)
            or self.logical in (LOGICAL_MAP, LOGICAL_LIST)
        )

    @property
    def has_plain_order(self) -> bool:
        """Whether the annotation leaves values in the order of their physical type.

        Statistics that are taken of the plain values are those of the annotated ones only then.
        """
        if self.physical == INT96:
            return False
        if self.physical in (BYTE_ARRAY, FIXED):
            return self.converted in (None, *CONVERTED_BYTEWISE) and self.logical in (
                None,
                *LOGICAL_BYTEWISE,
            )
        return self.logical in (None, *LOGICAL_NUMBERS)


def columns(elements: Sequence[Struct]) -> list[Element]:
    """The top-level columns of a schema, from its elements, the root before them.

    Raises:
        ArrowInvalid: the elements make no tree.
    """
    rest = iter(elements)

    def read(above: tuple[str, ...]) -> Element:
        stored = next(rest)
        path = (*above, get(stored, NAME, b"").decode("utf-8", "surrogateescape"))
        count = get(stored, CHILDREN, 0) if get(stored, TYPE) is None else 0
        return Element(stored, path, tuple(read(path) for _ in range(count)))

    try:
        root = next(rest)
        found = [read(()) for _ in range(get(root, CHILDREN, 0))]
    except (StopIteration, RuntimeError, RecursionError):
        raise pa.ArrowInvalid("the footer is damaged: its schema is not a tree") from None
    if next(rest, None) is not None:
        raise pa.ArrowInvalid("the footer is damaged: its schema has elements too many")
    return found
