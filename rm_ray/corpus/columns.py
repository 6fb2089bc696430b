"""Find columns by name, fields of structs included, and tell what their types can hold."""

from collections.abc import Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Fields: TypeAlias = pa.Schema | pa.StructType


def places(fields: Fields, name: str) -> list[tuple[str, ...]]:
    """Return the places of a column: for each, the names of the structs around it, then its own.

    A column of the literal name wins over a field of a struct. If there are several places, the
    name is ambiguous.
    """
    literal = fields.get_all_field_indices(name)
    if literal:
        return [(name,)] * len(literal)
    return [
        (field.name, *place)
        for field, rest in _steps(fields, name)
        if pa.types.is_struct(field.type)
        for place in places(field.type, rest)
    ]


def in_the_way(fields: Fields, name: str) -> pa.Field | None:
    """Return the field that is not a struct and so blocks a dotted name; None if there is none."""
    for field, rest in _steps(fields, name):
        if not pa.types.is_struct(field.type):
            return field
        if (inner := in_the_way(field.type, rest)) is not None:
            return inner
    return None


def _steps(fields: Fields, name: str) -> Iterator[tuple[pa.Field, str]]:
    """Yield the fields that a dotted name may begin with, and the rest of the name.

    Each dot may be part of a field's own name.
    """
    for dot, character in enumerate(name):
        if character == ".":
            for i in fields.get_all_field_indices(name[:dot]):
                yield fields.field(i), name[dot + 1 :]


def type_at(fields: Fields, place: tuple[str, ...]) -> pa.DataType:
    """Return the type of the column at a place that `places` found."""
    first, *inner = place
    kind = fields.field(fields.get_all_field_indices(first)[0]).type
    return type_at(kind, tuple(inner)) if inner else kind


def values_of(rows: pa.Table, name: str) -> pa.ChunkedArray | None:
    """Return the values of a column in their plain type; None if there is no column of this name.

    A value is null where a struct around it is null.
    """
    found_places = places(rows.schema, name)
    if not found_places:
        return None
    first, *inner = found_places[0]
    column = rows.column(first)
    return as_plain(pc.struct_field(column, inner) if inner else column)


def text_columns(fields: Fields, prefix: str = "") -> Iterator[str]:
    """Yield the names of all columns that can hold documents."""
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from text_columns(field.type, f"{prefix}{field.name}.")
        elif is_text(field.type) and not pa.types.is_null(field.type):
            yield f"{prefix}{field.name}"


# Names of the field of a turn that names its speaker.
TURN = ("role", "from")


def is_text(kind: pa.DataType) -> bool:
    """Return True if a column of this type can hold documents; a column of nulls holds none."""
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    kind = plain(kind)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_null(kind)
    )


def is_chat(kind: pa.DataType) -> bool:
    """Return True if a column of this type can hold chats.

    A chat is a list of turns, or a struct with a list for each field of a turn. A turn is a struct
    with a role (ShareGPT: from), or JSON.
    """
    kind = plain(kind)
    if pa.types.is_struct(kind):
        return any(is_list(field.type) for field in kind if field.name in TURN)
    if not is_list(kind):
        return False
    turn = kind.value_type
    if pa.types.is_struct(turn):
        return any(is_text(field.type) for field in turn if field.name in TURN)
    return is_text(turn)


def is_tools(kind: pa.DataType) -> bool:
    """Return True if a column of this type can hold tools, defined as structs, JSON or lists."""
    kind = plain(kind)
    return is_text(kind) or pa.types.is_struct(kind) or is_list(kind)


def is_list(kind: pa.DataType) -> bool:
    """Return True if a type is any of Arrow's list types."""
    return isinstance(
        kind,
        pa.ListType
        | pa.LargeListType
        | pa.FixedSizeListType
        | pa.ListViewType
        | pa.LargeListViewType,
    )


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the plain type that values of a type are written with.

    A dictionary or a view becomes the type of its values, and an extension type (JSON) becomes its
    storage type. A UUID becomes text, as databases show it. Fields of structs and elements of lists
    are treated in the same way.
    """
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([_plain_field(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(
            _plain_field(kind.key_field), _plain_field(kind.item_field), kind.keys_sorted
        )
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    for test, make in _LISTS:
        if test(kind):
            return make(_plain_field(kind.value_field))
    return kind


_LISTS = (
    (pa.types.is_list, pa.list_),
    (pa.types.is_large_list, pa.large_list),
    (pa.types.is_list_view, pa.list_view),
    (pa.types.is_large_list_view, pa.large_list_view),
)


def _plain_field(field: pa.Field) -> pa.Field:
    """Return the field with its plain type."""
    return field.with_type(plain(field.type))


def as_plain(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the same values in their plain type (`plain`).

    Lists are rebuilt and not cast: pyarrow 26 loses the last list of a list_view that it casts.
    """
    kind = plain(values.type)
    if values.type == kind:
        return values
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([as_plain(chunk) for chunk in values.chunks], kind)
    if isinstance(values.type, pa.UuidType):
        uuids = values.to_pylist()
        return pa.array([None if uuid is None else str(uuid) for uuid in uuids], kind)
    if isinstance(values.type, pa.BaseExtensionType):
        return as_plain(values.storage)
    if pa.types.is_dictionary(values.type):
        return as_plain(values.dictionary_decode())
    if pa.types.is_struct(kind):
        fields = [as_plain(values.field(i)) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=values.is_null())
    if is_list(kind) or pa.types.is_map(kind):
        # the elements of all lists, including elements before the array's first list
        within = as_plain(values.values)
        buffers = values.buffers()[: kind.num_buffers]
        return pa.Array.from_buffers(kind, len(values), buffers, -1, values.offset, [within])
    return values.cast(kind)


def without_views(schema: pa.Schema) -> pa.Schema:
    """Return the schema without view types, which Arrow cannot filter; the values are the same."""
    return pa.schema([field.with_type(_unviewed(field.type)) for field in schema], schema.metadata)


def _unviewed(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_unviewed(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_unviewed(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_unviewed(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(_unviewed(kind.key_type), _unviewed(kind.item_type), kind.keys_sorted)
    return kind
