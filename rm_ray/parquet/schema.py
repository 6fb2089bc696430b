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
# Annotations of byte arrays that are ordered as plain bytes: UTF8, ENUM, JSON, BSON, UUID.
CONVERTED_BYTEWISE = {0, 4, 19, 20}
LOGICAL_BYTEWISE = {1, 4, 12, 13, 14}
# Annotations of numbers: decimals, dates, times, timestamps, integers, columns of nulls.
LOGICAL_NUMBERS = {5, 6, 7, 8, 10, 11}


@dataclass(frozen=True)
class Element:
    """An element of a schema, with the elements below it."""

    stored: Struct
    """The element as stored in the footer."""
    path: tuple[str, ...]
    """Names from the top-level column down to the element."""
    children: tuple["Element", ...]
    """Elements directly below this one."""

    @property
    def physical(self) -> int | None:
        """Return the number of the physical type; None for a group."""
        kind: int | None = get(self.stored, TYPE)
        return kind

    @property
    def converted(self) -> int | None:
        """Return the number of the older annotation, ConvertedType; None if there is none."""
        kind: int | None = get(self.stored, CONVERTED)
        return kind

    @property
    def logical(self) -> int | None:
        """Return the newer annotation: the number of the LogicalType field that is set, or None."""
        kind = get(self.stored, LOGICAL)
        return kind[0].id if kind else None

    @property
    def shape(self) -> tuple[object, ...]:
        """Return how values are stored: physical types, lengths, repetition and structure."""
        length = get(self.stored, LENGTH) if self.physical == FIXED else None
        own = (self.physical, length, get(self.stored, REPETITION, 0))
        return (own, *(child.shape for child in self.children))

    def all(self) -> "Iterator[Element]":
        """Yield the element and all elements below it, depth first, in the order of the footer."""
        yield self
        for child in self.children:
            yield from child.all()

    def leaves(self) -> "Iterator[Element]":
        """Yield the elements that have values."""
        return (element for element in self.all() if element.physical is not None)

    @property
    def is_unsigned(self) -> bool:
        """Return True if the element is annotated as an unsigned integer."""
        if self.converted in CONVERTED_UNSIGNED:
            return True
        kind = get(get(self.stored, LOGICAL, []), LOGICAL_INTEGER)
        return kind is not None and not get(kind, 2, True)

    @property
    def is_list_or_map(self) -> bool:
        """Return True for a group annotated as a list, a map, or the pairs of a map."""
        return self.physical is None and (
            self.converted in (CONVERTED_MAP, CONVERTED_MAP_KEY_VALUE, CONVERTED_LIST)
            or self.logical in (LOGICAL_MAP, LOGICAL_LIST)
        )

    @property
    def has_plain_order(self) -> bool:
        """Return True if annotated values have the order of their physical type.

        Only then are statistics of the plain values correct for the annotated values.
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
    """Return the top-level columns of a schema, from its elements, which begin with the root.

    Raises:
        ArrowInvalid: the elements do not form a tree.
    """
    rest = iter(elements)

    def read(above: tuple[str, ...]) -> Element:
        stored = next(rest)
        path = (*above, get(stored, NAME, b"").decode("utf-8", "surrogateescape"))
        count = get(stored, CHILDREN, 0) if get(stored, TYPE) is None else 0
        return Element(stored, path, tuple(read(path) for _ in range(count)))

    try:
        root = next(rest)
        top_level = [read(()) for _ in range(get(root, CHILDREN, 0))]
    except (StopIteration, RuntimeError, RecursionError):
        raise pa.ArrowInvalid("the footer is damaged: its schema is not a tree") from None
    if next(rest, None) is not None:
        raise pa.ArrowInvalid("the footer is damaged: its schema has too many elements")
    return top_level
