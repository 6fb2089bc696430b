"""Handles nested values: converts Arrow's to Python's, and works on all strings inside a value."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.judges.text import as_bytes

LISTS = (
    pa.ListType | pa.LargeListType | pa.FixedSizeListType | pa.ListViewType | pa.LargeListViewType
)


def plain_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Convert Arrow values to Python's, one per row.

    Strings become bytes, so that a string that is not UTF-8 spoils only its own row. Values of
    types that no template shows (dates, times, decimals) become None.
    """
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in plain_values(chunk)]
    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return [None] * len(column)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_values(column.storage)
    if pa.types.is_dictionary(kind):
        return plain_values(column.dictionary_decode())
    if pa.types.is_struct(kind):
        return _where_valid(column, _rows(column))
    if isinstance(kind, LISTS):
        values = plain_values(column.values)
        return _where_valid(column, [values[start:stop] for start, stop in _spans(column)])
    if pa.types.is_map(kind):
        keys, items = plain_values(column.keys), plain_values(column.items)
        pairs = list(zip(keys, items, strict=True))
        spans = pairwise(column.offsets.to_pylist())
        return _where_valid(column, [dict(pairs[start:stop]) for start, stop in spans])
    return list((as_bytes(column) if _is_string(kind) else column).to_pylist())


def _rows(column: pa.StructArray) -> list[dict[str, Any]]:
    """Convert a column of structs; rows that are null get a value too."""
    names = column.type.names
    if not names:
        return [{} for _ in range(len(column))]
    fields = [plain_values(pc.struct_field(column, [i])) for i in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)]


def _where_valid(column: pa.Array, values: list[Any]) -> list[Any]:
    """Replace the values of null rows by None."""
    valid = column.is_valid().to_pylist()
    return [value if is_valid else None for value, is_valid in zip(values, valid, strict=True)]


def _spans(column: pa.Array) -> list[tuple[int, int]]:
    """Return the span of each list in the column's values: start and stop.

    List views are not cast to lists, because pyarrow 26 loses the last list when it casts.
    """
    if isinstance(column, pa.FixedSizeListArray):
        size = column.type.list_size
        first = column.offset
        return [((first + i) * size, (first + i + 1) * size) for i in range(len(column))]
    starts = column.offsets.to_pylist()
    if isinstance(column, pa.ListViewArray | pa.LargeListViewArray):
        sizes = column.sizes.to_pylist()
        return [(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    return list(pairwise(starts))


def _is_string(kind: pa.DataType) -> bool:
    """Return True for any of Arrow's types of strings and bytes."""
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
        )
    )


def as_text(value: Any) -> Any:
    """Decode all bytes in a value, and check that its strings are valid Unicode.

    JSON can write halves of characters, so even a string that was decoded may be invalid.

    Raises:
        UnicodeError: a string is not valid.
    """
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str):
        return value.encode().decode()
    if isinstance(value, dict):
        return {as_text(key): as_text(field) for key, field in value.items()}
    return [as_text(item) for item in value] if isinstance(value, list) else value


def without_nulls(value: Any) -> Any:
    """Remove the null fields of all objects in a value: Arrow gives each struct every field."""
    if isinstance(value, dict):
        return {key: without_nulls(field) for key, field in value.items() if field is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def strings_of(value: Any) -> Iterable[str]:
    """Yield every string in a value, keys of objects included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, field in value.items():
            yield from strings_of(key)
            yield from strings_of(field)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


def with_strings(value: Any, strings: Mapping[str, str]) -> Any:
    """Replace each string in a value that is a key of `strings`, keys of objects included."""
    if isinstance(value, str):
        return strings.get(value, value)
    if isinstance(value, dict):
        return {
            with_strings(key, strings): with_strings(field, strings) for key, field in value.items()
        }
    return [with_strings(item, strings) for item in value] if isinstance(value, list) else value
