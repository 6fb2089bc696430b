"""Find the columns of a file of a table by the names that the table gives them. Pure.

A table renames a column without rewriting its files. So a file may have the column under an older
name, or not at all. A field id in the Parquet schema, or a physical name, says which column it is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from rm_ray.corpus.columns import is_list, values_of

# Key of pyarrow's metadata of a field with the field id of the Parquet schema.
ID_KEY = b"PARQUET:field_id"
# Names of the columns of a table, each with the name that a file has for it; None for a column that
# the file does not have, `FROM_TABLE` for one whose values the table has. Names that are the same
# are left out.
Names = Mapping[str, str | None]
FROM_TABLE = ""
SAME_NAMES: Names = {}


@dataclass(frozen=True)
class TableField:
    """A TableField is a column of a table, or a field of a struct, a list or a map in it."""

    name: str
    """Name that the table has for it now."""
    type: pa.DataType
    """Type that the table has for it now."""
    stored: tuple[str, ...]
    """Names that files without field ids may have for it."""
    id: int | None = None
    """Its field id; None if files are read by the names."""
    inner: tuple["TableField", ...] = ()
    """Fields of the struct, the element of the list, or key and value of the map."""

    @property
    def identity(self) -> str:
        """Return what stays the same if the table renames the column."""
        return self.stored[0] if self.id is None else str(self.id)


@dataclass(frozen=True)
class Shown:
    """A Shown is a file's schema by the table's names."""

    schema: pa.Schema
    """All columns of the table but partition columns that the file lacks; a column that the file
    lacks has the table's type."""
    names: dict[str, str | None]
    """Columns and fields of structs that have another name in the file; see `Names`."""
    unreadable: dict[str, str]
    """Columns that cannot be read by the table's names, each with the reason."""


@dataclass(frozen=True)
class TableFields:
    """TableFields are the columns of a table. They are sent to tasks."""

    columns: tuple[TableField, ...]
    """The columns, in the table's order."""
    kinds: dict[str, pa.DataType] = field(default_factory=dict)
    """Types of the partition columns, by name."""
    unread: frozenset[str] = frozenset()
    """Partition columns whose values the table has, and that are read from the files only."""
    from_table: frozenset[str] = frozenset()
    """Partition columns whose values are read from the table, even if a file has them too."""

    def show(self, found: pa.Schema, partition: Collection[str] = ()) -> Shown:
        """Return the schema of a file by the table's names.

        Args:
            found: the file's schema as pyarrow reads it, with field ids.
            partition: names of columns whose value in the file the table has, if the file lacks
                them.
        """
        shown = Shown(pa.schema([]), {}, {})
        has_ids = any(ID_KEY in (column.metadata or {}) for column in found)
        columns = list(self._shown(found, partition, has_ids, shown))
        if not has_ids and self._need_ids:
            why = "has no field id in this file, and the table maps no names to ids"
            shown.unreadable.update({column.name: why for column in self.columns})
        known = {column.name for column in self.columns}
        # a column that the table has dropped is still in its old files, and is not read
        for there in found:
            if there.name not in known:
                shown.names.update(_nothing_of(there.name, there.type))
        return Shown(pa.schema(columns), shown.names, shown.unreadable)

    def identity(self, name: str) -> str | None:
        """Return what stays the same if the table renames a column, or a field of a struct.

        Args:
            name: the column's name; for a field of a struct, the names with dots between them.

        Returns:
            None if the table has no such column.
        """
        return _identity(self.columns, name)

    def identities(self, names: Iterable[str]) -> dict[str, str | None]:
        """Return the identity of columns, and of all fields in them, by name."""
        found = {name: self.identity(name) for name in names}
        for name in list(found):
            if (column := _field(self.columns, name)) is not None:
                found |= {inner: self.identity(inner) for inner in _names_within(name, column)}
        return found

    @property
    def _need_ids(self) -> bool:
        """Return True if columns can be found by field ids only."""
        return not any(column.stored for column in self.columns)

    def _shown(
        self, found: pa.Schema, partition: Collection[str], has_ids: bool, shown: Shown
    ) -> Iterator[pa.Field]:
        for column in self.columns:
            place = _place(column, found, has_ids)
            if place is not None and column.name in self.from_table.intersection(partition):
                shown.names[column.name] = FROM_TABLE
            elif place is not None:
                yield _named(column, found.field(place), has_ids, shown, ("", ""))
            elif column.name in self.unread:
                shown.unreadable[column.name] = (
                    f"is a partition column of the type {column.type} that the file lacks, and "
                    "such values are not read from the table; rewrite the table's files with it"
                )
            elif column.name not in partition:
                _note_missing(column.name, column, found, has_ids, shown)
                yield pa.field(column.name, column.type)
            elif column.name in found.names:
                # another column of this name, which the table has dropped, hides the partition
                shown.names[column.name] = None
                shown.unreadable[column.name] = (
                    "is a partition column, and the file has another column of its name, which the "
                    "table has dropped"
                )


def _identity(fields: Iterable[TableField], name: str) -> str | None:
    for column in fields:
        if column.name == name:
            return column.identity
        if name.startswith(f"{column.name}."):
            inner = _identity(column.inner, name.removeprefix(f"{column.name}."))
            if inner is not None:
                return f"{column.identity}.{inner}"
    return None


def _field(fields: Iterable[TableField], name: str) -> TableField | None:
    """Return the column or field of a name with dots; None if the table has none."""
    for column in fields:
        if column.name == name:
            return column
        if name.startswith(f"{column.name}."):
            inner = _field(column.inner, name.removeprefix(f"{column.name}."))
            if inner is not None:
                return inner
    return None


def _names_within(name: str, column: TableField) -> Iterator[str]:
    """Yield the names of all fields in a column, at any depth, in lists and maps too."""
    for field_of_table in column.inner:
        inner = f"{name}.{field_of_table.name}"
        yield inner
        yield from _names_within(inner, field_of_table)


def _note_missing(
    name: str,
    column: TableField,
    found: pa.Schema | pa.StructType,
    has_ids: bool,
    shown: Shown,
) -> None:
    """Note in `shown` that a file lacks a column.

    The file may have another column of the same name, which the table has dropped. Neither that
    column nor a field of it is the table's.

    Args:
        name: the table's name of the column; for a field of a struct, the names with dots.
        column: the column.
        found: the file's schema, or its struct that lacks the field.
        has_ids: True if the file has field ids.
        shown: gets the names, and the columns that cannot be read.
    """
    if has_ids and column.id is not None and any(_id(there) is None for there in found):
        shown.unreadable[name] = "has no field id in this file, where other columns have one"
    kinds = [column.type, *(there.type for there in found if there.name == column.name)]
    for kind in kinds:
        shown.names.update(_nothing_of(name, kind))


def _nothing_of(name: str, kind: pa.DataType) -> Names:
    """Return the `Names` of a column that a file lacks: None for it and for each field in it."""
    nothing: dict[str, str | None] = {name: None}
    for there in kind if pa.types.is_struct(kind) else ():
        nothing.update(_nothing_of(f"{name}.{there.name}", there.type))
    return nothing


def _named(
    column: TableField, found: pa.Field, has_ids: bool, shown: Shown, above: tuple[str, str]
) -> pa.Field:
    """Return a field of a file by the table's names, and note names that differ in `shown`.

    Args:
        column: the table's field.
        found: the file's field.
        has_ids: True if the file has field ids.
        shown: gets the names, and the columns that cannot be read.
        above: the table's and the file's name of the struct around it, each with a dot at its end.
    """
    name, stored = f"{above[0]}{column.name}", f"{above[1]}{found.name}"
    if name != stored:
        shown.names[name] = stored
    if not pa.types.is_struct(found.type):
        if not _is_same_inside(column, found.type, has_ids):
            shown.names[name] = None
            shown.unreadable[name] = (
                "has fields inside lists or maps that the table has renamed, added or dropped, "
                "and these are not read by their new names; rewrite the table's old files"
            )
        return pa.field(column.name, found.type)
    fields = []
    for field_of_table in column.inner:
        place = _place(field_of_table, found.type, has_ids)
        if place is None:
            inner = f"{name}.{field_of_table.name}"
            _note_missing(inner, field_of_table, found.type, has_ids, shown)
            fields.append(pa.field(field_of_table.name, field_of_table.type))
        else:
            there = found.type.field(place)
            inside = (f"{name}.", f"{stored}.")
            fields.append(_named(field_of_table, there, has_ids, shown, inside))
    known = {field_of_table.name for field_of_table in column.inner}
    for there in found.type:
        if there.name not in known:
            shown.names.update(_nothing_of(f"{name}.{there.name}", there.type))
    return pa.field(column.name, pa.struct(fields))


def _is_same_inside(column: TableField, found: pa.DataType, has_ids: bool) -> bool:
    """Return True if all fields within a type have the table's names, and are the table's."""
    inner = _inner(found)
    if len(inner) != len(column.inner):
        return False
    is_struct = pa.types.is_struct(found)
    for field_of_table, there in zip(column.inner, inner, strict=True):
        if has_ids and _id(there) not in (None, field_of_table.id):
            return False
        if is_struct and there.name != field_of_table.name:
            return False
        if not _is_same_inside(field_of_table, there.type, has_ids):
            return False
    return True


def _inner(kind: pa.DataType) -> list[pa.Field]:
    if pa.types.is_struct(kind):
        return list(kind)
    if pa.types.is_map(kind):
        return [kind.key_field, kind.item_field]
    return [kind.value_field] if is_list(kind) else []


def _place(column: TableField, found: pa.Schema | pa.StructType, has_ids: bool) -> int | None:
    """Return the number of a table's field among the fields of a file; None if it is not there."""
    for number, there in enumerate(found):
        if column.id is not None and has_ids:
            if _id(there) == column.id:
                return number
        elif there.name in column.stored:
            return number
    return None


def _id(found: pa.Field) -> int | None:
    value = (found.metadata or {}).get(ID_KEY)
    return None if value is None else int(value)


def stored_name(names: Names, name: str) -> str | None:
    """Return the name that a file has for a column; None if the file lacks the column.

    `FROM_TABLE` if the column is not read from the file.
    """
    return names.get(name, name)


def stored_names(names: Names, wanted: Iterable[str]) -> list[str]:
    """Return the names that a file has for some columns, without columns that the file lacks."""
    stored = (stored_name(names, name) for name in wanted)
    return [name for name in stored if name]


def table_name(names: Names, stored: str) -> str:
    """Return the name that the table has for a column of a file."""
    return next((name for name, there in names.items() if there == stored), stored)


def renamed_within(names: Names, name: str) -> list[str]:
    """Return the fields of a struct that a file has under other names, or not at all.

    There are none if the file has no such struct.
    """
    if stored_name(names, name) is None:
        return []
    return [inner for inner in names if inner.startswith(f"{name}.")]


def by_table_names(rows: pa.Table, names: Names, wanted: Iterable[str]) -> pa.Table:
    """Return the wanted columns of rows of a file by the table's names.

    A column that the file lacks is null. A column whose values the table has is left out, and so is
    one that is in no map and not in the file: it may be a partition column.
    """
    if not names:
        return rows
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for name in wanted:
        stored = stored_name(names, name)
        values = pa.nulls(len(rows)) if stored is None else values_of(rows, stored)
        if values is not None and stored != FROM_TABLE:
            columns[name] = values
    return pa.table(columns) if columns else rows.select([])
