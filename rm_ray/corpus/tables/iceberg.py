"""Open Iceberg tables: pyiceberg says which files, columns and deleted rows a snapshot has."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import MappedField, NameMapping
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from rm_ray.config import CorpusConfig
from rm_ray.corpus.tables.fields import TableField, TableFields
from rm_ray.corpus.tables.manifests import Entry, entries
from rm_ray.corpus.tables.metadata import read_metadata
from rm_ray.corpus.tables.positions import deleted_rows
from rm_ray.corpus.tables.snapshot import Snapshot, TableFile
from rm_ray.corpus.tables.store_io import StoreIO
from rm_ray.errors import InputError, short


def open_iceberg(address: str, wanted: int | None, config: CorpusConfig) -> Snapshot:
    """Return a snapshot of an Iceberg table.

    Args:
        address: a metadata.json file, the table's folder, or CATALOG/namespace.table.
        wanted: id of the snapshot; None for the current one.
        config: the configuration of the corpus.

    Raises:
        InputError: there is no such table or snapshot, or it has a property that is not read here.
    """
    metadata = read_metadata(address, config)
    where = f"{config.key}.path: iceberg:{address}"
    chosen = _chosen(metadata, wanted, address, config)
    schema = _schema_of(metadata, chosen if wanted is not None else None)
    _check_schema(schema, where)
    try:
        found = list(entries(chosen, StoreIO(config.storage)))
    except Exception as error:  # noqa: BLE001 - pyiceberg raises errors of many kinds
        raise InputError(
            f"{where} cannot be read at snapshot {chosen.snapshot_id}: {short(error)}; the "
            "snapshot may have expired"
        ) from None
    data = sorted(
        (entry for entry in found if entry.content is DataFileContent.DATA),
        key=lambda entry: entry.path,
    )
    for entry in data:
        if entry.format is not FileFormat.PARQUET or entry.encrypted:
            kind = "encrypted" if entry.encrypted else f"of the format {entry.format.value}"
            raise InputError(
                f"{where} has the data file {entry.path}, which is {kind}; give Parquet"
            )
    deletes = [entry for entry in found if entry.content is not DataFileContent.DATA]
    try:
        types = _small(schema_to_pyarrow(schema, include_field_ids=False))
    except Exception as error:  # noqa: BLE001 - pyiceberg raises errors of many kinds
        raise InputError(
            f"{where} has a column of a type that is not read here: {short(error)}; write the "
            "table out as plain Parquet"
        ) from None
    partitions = _partitions(metadata, schema)
    by_name = {name for names in partitions.values() for name in names.values()}
    unread = frozenset(name for name in by_name if _is_unread(types.field(name).type))
    kinds = {name: types.field(name).type for name in by_name - unread}
    mapping = metadata.name_mapping()
    return Snapshot(
        kind="iceberg",
        address=address,
        id=chosen.snapshot_id,
        files=[_file(entry, partitions.get(entry.spec, {}), kinds) for entry in data],
        fields=TableFields(tuple(_fields(schema.fields, types, _names(mapping))), kinds, unread),
        deleted=deleted_rows(data, deletes, address, config),
    )


def _small(types: pa.Schema) -> pa.Schema:
    """Return the types with strings and bytes of 32-bit offsets, as files have them."""
    small = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema([field.with_type(small.get(field.type, field.type)) for field in types])


def _chosen(
    metadata: TableMetadata, wanted: int | None, address: str, config: CorpusConfig
) -> IcebergSnapshot:
    number = metadata.current_snapshot_id if wanted is None else wanted
    if number is None:
        raise InputError(f"{config.key}.path: iceberg:{address} has no snapshot yet: it is empty")
    chosen: IcebergSnapshot | None = metadata.snapshot_by_id(number)
    if chosen is None:
        known = ", ".join(str(snapshot.snapshot_id) for snapshot in metadata.snapshots[-5:])
        raise InputError(
            f"{config.key}.snapshot: iceberg:{address} has no snapshot {number}; its last are "
            f"{known}"
        )
    return chosen


def _schema_of(metadata: TableMetadata, chosen: IcebergSnapshot | None) -> Schema:
    """Return the table's present schema, or the schema that a named snapshot had."""
    number = metadata.current_schema_id
    if chosen is not None and chosen.schema_id is not None:
        number = chosen.schema_id
    return next(schema for schema in metadata.schemas if schema.schema_id == number)


def _check_schema(schema: Schema, where: str) -> None:
    """Refuse columns with a default for rows that were written before the column was added."""
    for number in schema.field_ids:
        column = schema.find_field(number)
        if column.initial_default is not None:
            raise InputError(
                f"{where}: the column {schema.find_column_name(number)!r} has a value for rows "
                "older than itself (initial-default), which is not read here; rewrite the table's "
                "old files"
            )


def _partitions(metadata: TableMetadata, schema: Schema) -> dict[int, dict[int, str]]:
    """Return the columns whose own values are partition values: by spec, by place in the spec."""
    columns = {column.field_id for column in schema.fields}  # fields of structs are in the files
    return {
        spec.spec_id: {
            place: str(schema.find_column_name(field.source_id))
            for place, field in enumerate(spec.fields)
            if isinstance(field.transform, IdentityTransform) and field.source_id in columns
        }
        for spec in metadata.partition_specs
    }


def _is_unread(kind: pa.DataType) -> bool:
    """Return True if partition values of a type are not read from the manifests.

    pyiceberg 0.12 reads a double as a float. The others are not read back from their text.
    """
    tests = (pa.types.is_float64, pa.types.is_time, pa.types.is_binary, pa.types.is_large_binary)
    exact = pa.types.is_fixed_size_binary(kind) or isinstance(kind, pa.BaseExtensionType)
    return exact or any(test(kind) for test in tests)


def _file(entry: Entry, columns: Mapping[int, str], kinds: Mapping[str, pa.DataType]) -> TableFile:
    values = {
        name: _text(entry.partition[place], kinds[name])
        for place, name in columns.items()
        if name in kinds
    }
    return TableFile(entry.path, values, entry.rows)


def _text(value: object, kind: pa.DataType) -> str | None:
    """Return a partition value as text: dates and times are whole numbers in manifests."""
    if value is None or isinstance(value, str):
        return value
    if pa.types.is_temporal(kind) and isinstance(value, int):
        whole = pa.int32() if pa.types.is_date(kind) or pa.types.is_time32(kind) else pa.int64()
        return str(pa.array([value], whole).cast(kind).cast(pa.string())[0].as_py())
    return str(pa.array([value], kind).cast(pa.string())[0].as_py())


# The names that files without field ids have for the columns, by id, and by id within those.
Mapped = dict[int, MappedField]


def _names(mapping: NameMapping | Sequence[MappedField] | None) -> Mapped:
    fields = mapping.root if isinstance(mapping, NameMapping) else mapping or ()
    return {field.field_id: field for field in fields if field.field_id is not None}


def _fields(
    columns: Sequence[NestedField], types: pa.Schema | pa.StructType, mapped: Mapped
) -> Iterator[TableField]:
    for column, kind in zip(columns, types, strict=True):
        yield _field(column, kind.type, mapped)


def _field(column: NestedField, kind: pa.DataType, mapped: Mapped) -> TableField:
    names = mapped.get(column.field_id)
    inside = _names(names.fields) if names else {}
    inner = _within(column.field_type, kind, inside)
    return TableField(
        column.name, kind, tuple(names.names) if names else (), column.field_id, tuple(inner)
    )


def _within(described: IcebergType, kind: pa.DataType, mapped: Mapped) -> Iterator[TableField]:
    """Yield the fields of a struct, the element of a list, or key and value of a map."""
    if isinstance(described, StructType):
        yield from _fields(described.fields, kind, mapped)
    elif isinstance(described, ListType):
        yield _field(described.element_field, kind.value_type, mapped)
    elif isinstance(described, MapType):
        yield _field(described.key_field, kind.key_type, mapped)
        yield _field(described.value_field, kind.item_type, mapped)
