"""Read and write Thrift's compact protocol without a schema, so that unknown fields are kept.

A struct is a list of fields, each with its number, its type and its value. A value is a Python
object: bool, int, bytes (strings and doubles, unchanged), `Struct` or `Items`. Bytes that `decode`
accepts are encoded to the same bytes again.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from typing import Any, NamedTuple, TypeAlias

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
# Structs of a footer are never nested deeper than this; damaged bytes may seem to nest endlessly.
MOST_DEEP = 64


class Field(NamedTuple):
    """One field of a struct."""

    id: int
    """Number of the field."""
    type: int
    """Number of the value's type."""
    value: Any
    """Value of the field; its bytes after `split`."""


Struct: TypeAlias = list[Field]


class Items(NamedTuple):
    """A list or a set."""

    type: int
    """Number of the elements' type."""
    values: list[Any]
    """Elements in order."""


class NotThrift(ValueError):
    """A NotThrift says that bytes are not valid in the compact protocol."""


def decode(data: bytes, at: int = 0) -> tuple[Struct, int]:
    """Read the struct that begins at a byte.

    Returns:
        The struct, and the number of the byte after it.

    Raises:
        NotThrift: there is no whole struct at this byte.
    """
    try:
        return _struct(data, at, MOST_DEEP)
    except IndexError:
        raise NotThrift("the bytes end within a struct") from None


def encode(struct: Struct) -> bytes:
    """Write a struct; the inverse of `decode`."""
    return b"".join(_encoded(STRUCT, struct))


def split(data: bytes) -> tuple[Struct, int]:
    """Read the fields of the struct that begins at byte 0, each value left as bytes.

    Returns:
        The fields, and the number of the byte after the struct. `join` writes the fields again.

    Raises:
        NotThrift: there is no whole struct at byte 0.
    """
    fields: Struct = []
    at = number = 0
    try:
        while data[at]:
            number, kind, at = _header(data, at, number)
            end = _end(data, at, kind, MOST_DEEP)
            fields.append(Field(number, kind, data[at:end]))
            at = end
    except IndexError:
        raise NotThrift("the bytes end within a struct") from None
    if at > len(data):
        raise NotThrift("the bytes end within a struct")
    return fields, at + 1


def join(fields: Struct) -> bytes:
    """Write fields whose values are bytes; the inverse of `split`."""
    written, before = [], 0
    for number, kind, value in fields:
        written += [_field_header(number, kind, before), value]
        before = number
    return b"".join([*written, b"\0"])


def decode_value(kind: int, data: bytes) -> Any:
    """Read one value of a type from bytes, as `split` leaves these.

    Raises:
        NotThrift: the bytes are not a value of this type.
    """
    try:
        value, end = _value(data, 0, kind, MOST_DEEP)
    except IndexError:
        raise NotThrift("the bytes end within a value") from None
    if end != len(data):
        raise NotThrift("there are bytes after a value")
    return value


def encode_value(kind: int, value: Any) -> bytes:
    """Write one value of a type; the inverse of `decode_value`."""
    return b"".join(_encoded(kind, value))


def get(struct: Struct, number: int, otherwise: Any = None) -> Any:
    """Return the value of a field; `otherwise` if the struct has no field of this number."""
    return next((field.value for field in struct if field.id == number), otherwise)


def put(struct: Struct, number: int, kind: int, value: Any) -> Struct:
    """Return the struct with this field, in place of its field of the same number."""
    fields = [*without(struct, number), Field(number, kind, value)]
    return sorted(fields, key=lambda field: field.id)


def without(struct: Struct, *numbers: int) -> Struct:
    """Return the struct without the fields of these numbers."""
    return [field for field in struct if field.id not in numbers]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _header(data: bytes, at: int, before: int) -> tuple[int, int, int]:
    """Return the number and type of a field, and the number of the byte after its header."""
    byte = data[at]
    at += 1
    if byte >> 4:
        return before + (byte >> 4), byte & 15, at
    number, at = _varint(data, at)
    return _unzigzag(number), byte & 15, at


def _unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _struct(data: bytes, at: int, depth: int) -> tuple[Struct, int]:
    if not depth:
        raise NotThrift(f"structs lie more than {MOST_DEEP} deep")
    fields: Struct = []
    number = 0
    while data[at]:
        number, kind, at = _header(data, at, number)
        value, at = _value(data, at, kind, depth)
        fields.append(Field(number, kind, value))
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind in (I16, I32, I64):
        number, at = _varint(data, at)
        return _unzigzag(number), at
    if kind == BINARY:
        length, at = _varint(data, at)
        return _bytes(data, at, length)
    if kind == STRUCT:
        return _struct(data, at, depth - 1)
    if kind in (LIST, SET):
        return _items(data, at, depth)
    if kind == BYTE:
        return data[at], at + 1
    if kind == DOUBLE:
        return _bytes(data, at, 8)
    raise NotThrift(f"there is a field of type {kind}, which Parquet does not use")


def _items(data: bytes, at: int, depth: int) -> tuple[Items, int]:
    kind, count, at = _list_header(data, at)
    values = []
    for _ in range(count):
        # the elements of a list of booleans are bytes of their own
        value, at = _value(data, at, BYTE if kind in (TRUE, FALSE) else kind, depth)
        values.append(value)
    return Items(kind, values), at


def _list_header(data: bytes, at: int) -> tuple[int, int, int]:
    byte = data[at]
    if byte >> 4 < 15:
        return byte & 15, byte >> 4, at + 1
    count, at = _varint(data, at + 1)
    if count > len(data):
        raise NotThrift("a list has more elements than there are bytes")
    return byte & 15, count, at


def _bytes(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end], end


def _end(data: bytes, at: int, kind: int, depth: int) -> int:
    """Return the number of the byte after a value, several times faster than decoding does."""
    if kind in (TRUE, FALSE):
        return at
    if kind in (I16, I32, I64):
        while data[at] > 127:
            at += 1
        return at + 1
    if kind == BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind == STRUCT:
        return _end_of_struct(data, at, depth)
    if kind in (LIST, SET):
        kind, count, at = _list_header(data, at)
        for _ in range(count):
            at = _end(data, at, BYTE if kind in (TRUE, FALSE) else kind, depth)
        return at
    if kind == BYTE:
        return at + 1
    if kind == DOUBLE:
        return at + 8
    raise NotThrift(f"there is a field of type {kind}, which Parquet does not use")


def _end_of_struct(data: bytes, at: int, depth: int) -> int:
    if not depth:
        raise NotThrift(f"structs lie more than {MOST_DEEP} deep")
    while byte := data[at]:
        at += 1
        if not byte >> 4:
            _, at = _varint(data, at)
        at = _end(data, at, byte & 15, depth - 1)
    return at + 1


def _encoded(kind: int, value: Any) -> list[bytes]:
    if kind in (TRUE, FALSE):
        return []
    if kind in (I16, I32, I64):
        return [_written_varint(_zigzag(value))]
    if kind == BINARY:
        return [_written_varint(len(value)), value]
    if kind == STRUCT:
        written, before = [], 0
        for number, inner, field in value:
            written += [_field_header(number, inner, before), *_encoded(inner, field)]
            before = number
        return [*written, b"\0"]
    if kind in (LIST, SET):
        element_kind = BYTE if value.type in (TRUE, FALSE) else value.type
        elements = [part for item in value.values for part in _encoded(element_kind, item)]
        return [_written_list_header(value.type, len(value.values)), *elements]
    if kind == BYTE:
        return [bytes([value])]
    return [value]


def _written_list_header(kind: int, count: int) -> bytes:
    if count < 15:
        return bytes([count << 4 | kind])
    return bytes([0xF0 | kind]) + _written_varint(count)


def _field_header(number: int, kind: int, before: int) -> bytes:
    if 0 < number - before < 16:
        return bytes([(number - before) << 4 | kind])
    return bytes([kind]) + _written_varint(_zigzag(number))


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _written_varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
