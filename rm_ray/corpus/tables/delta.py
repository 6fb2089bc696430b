"""Open Delta tables: deltalake says which files, columns and deleted rows a version has."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.corpus.tables.access import s3_options
from rm_ray.corpus.tables.fields import TableField, TableFields
from rm_ray.corpus.tables.snapshot import Ints, Snapshot, TableFile
from rm_ray.errors import InputError, short
from rm_ray.store.folder import absolute

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Features that a reader has to know, and that are read right here. `v2Checkpoint` and
# `timestampNtz` need nothing but deltalake. deltalake 1.6 writes `variantType` into each table with
# deletion vectors; a column of that type is refused.
READ = {"columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "variantType"}
# Types that a partition column's values are not read back from their text.
_UNREAD_PARTITIONS = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)


def open_delta(address: str, version: int | None, config: CorpusConfig) -> Snapshot:
    """Return a version of a Delta table.

    Args:
        address: path or URI of the table's folder.
        version: the version; None for the newest.
        config: the configuration of the corpus.

    Raises:
        InputError: there is no such table or version, or it has a property that is not read here.
    """
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise InputError(
            f"{config.key}.path: delta:{address} needs the package deltalake: pip install "
            "'rm_ray[delta]'"
        ) from None
    uri = absolute(address)
    if "://" not in uri and not uri.startswith("/"):
        raise InputError(f"{config.key}.path: {address} is no path of a Delta table")
    if unquote(uri) != uri:
        raise InputError(
            f"{config.key}.path: the address of delta:{address} has a % with two digits after it, "
            f"which deltalake takes for a sign, and then reads {unquote(uri)}; give the folder "
            "another name, or write the table out as plain Parquet"
        )
    try:
        table = DeltaTable(uri, version=version, storage_options=s3_options(uri, config.storage))
    except Exception as error:  # noqa: BLE001 - deltalake raises errors of many kinds
        raise InputError(_say_unopened(address, version, config, error)) from None
    _check_features(address, table, config)
    try:
        return _snapshot(address, uri, table, config)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - deltalake raises errors of many kinds
        raise InputError(
            f"{config.key}.path: cannot read delta:{address}: {short(error)}"
        ) from None


def _say_unopened(address: str, version: int | None, config: CorpusConfig, error: Exception) -> str:
    where = f"delta:{address}"
    if version is not None:
        return (
            f"{config.key}.snapshot: version {version} of {where} cannot be opened: "
            f"{short(error)}; its log may have been cleaned up"
        )
    return f"{config.key}.path: {where} cannot be opened as a Delta table: {short(error)}"


def _check_features(address: str, table: "DeltaTable", config: CorpusConfig) -> None:
    protocol = table.protocol()
    if protocol.min_reader_version > 3:
        raise InputError(
            f"{config.key}.path: delta:{address} needs a reader of version "
            f"{protocol.min_reader_version}, and tables up to version 3 are read"
        )
    if unknown := sorted(set(protocol.reader_features or ()) - READ):
        raise InputError(
            f"{config.key}.path: delta:{address} has the reader feature {unknown[0]}, which is not "
            f"read here; read are {', '.join(sorted(READ))}. Write the table out as plain Parquet, "
            "or turn the feature off (ALTER TABLE ... DROP FEATURE)"
        )


def _snapshot(address: str, uri: str, table: "DeltaTable", config: CorpusConfig) -> Snapshot:
    metadata = table.metadata()
    by_id = metadata.configuration.get("delta.columnMapping.mode") == "id"
    described = json.loads(table.schema().to_json())["fields"]
    if variant := next((one["name"] for one in described if _has_variant(one["type"])), None):
        raise InputError(
            f"{config.key}.path: the column {variant!r} of delta:{address} is a variant, which is "
            "not read here; write the table out as plain Parquet"
        )
    schema = pa.schema(table.schema().to_arrow())
    partition = metadata.partition_columns
    kinds = {name: schema.field(name).type for name in partition}
    for name, kind in kinds.items():
        if any(test(kind) for test in _UNREAD_PARTITIONS):
            raise InputError(
                f"{config.key}.path: the partition column {name!r} of delta:{address} is {kind}, "
                "and its values are not read; write the table out as plain Parquet"
            )
    actions = pa.table(table.get_add_actions(flatten=False))
    files = sorted(_files(actions, uri, partition), key=lambda file: file.path)
    return Snapshot(
        kind="delta",
        address=address,
        id=table.version(),
        files=files,
        fields=TableFields(
            _fields(described, schema, by_id), kinds, from_table=frozenset(partition)
        ),
        deleted=dict(_deleted(table, uri)),
    )


def _has_variant(described: Any) -> bool:
    """Return True if a type of the log is, or holds, a variant."""
    if isinstance(described, Mapping):
        return any(map(_has_variant, described.values()))
    if isinstance(described, list):
        return any(_has_variant(one["type"]) for one in described)
    return bool(described == "variant")


def _files(actions: pa.Table, uri: str, partition: Sequence[str]) -> Iterator[TableFile]:
    texts: dict[str, list[str | None]] = {}
    for name in partition:
        values = actions.column("partition").combine_chunks().field(name)
        texts[name] = values.cast(pa.string()).to_pylist()
    paths = actions.column("path").to_pylist()
    rows = actions.column("num_records").to_pylist()
    for number, (path, count) in enumerate(zip(paths, rows, strict=True)):
        values = {name: texts[name][number] for name in partition}
        yield TableFile(place_of(path, uri), values, count)


def place_of(path: str, uri: str) -> str:
    """Return the absolute path or URI of a file, given its URL-encoded path in the log.

    Args:
        path: relative to the table's folder; or a URI, in a table that was cloned.
        uri: path or URI of the table's folder.
    """
    name = unquote(path)
    if match := re.match(r"file:/+", name):
        return absolute(f"/{name[match.end() :]}")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|/", name):
        return absolute(name)
    return f"{uri.rstrip('/')}/{name}"


def _deleted(table: "DeltaTable", uri: str) -> Iterator[tuple[str, Ints]]:
    """Yield each file that has deleted rows, with their numbers."""
    for batch in table.deletion_vectors():
        columns = pa.record_batch(batch)
        for number, path in enumerate(columns.column("filepath").to_pylist()):
            kept = columns.column("selection_vector")[number].values
            rows = np.flatnonzero(~kept.to_numpy(zero_copy_only=False))
            if len(rows):
                yield place_of(path, uri), rows.astype(np.int64)


def _fields(
    described: Iterable[Mapping[str, Any]], kinds: pa.Schema | pa.StructType, by_id: bool
) -> tuple[TableField, ...]:
    """Return the fields of a struct of the table's schema, as the log describes it."""
    fields = []
    for one in described:
        metadata = one.get("metadata", {})
        kind = kinds.field(one["name"]).type
        stored = metadata.get("delta.columnMapping.physicalName", one["name"])
        number = metadata.get("delta.columnMapping.id") if by_id else None
        inner = _within(one["type"], kind, by_id)
        fields.append(TableField(one["name"], kind, (stored,), number, inner))
    return tuple(fields)


def _within(described: Any, kind: pa.DataType, by_id: bool) -> tuple[TableField, ...]:
    """Return the fields of a struct, the element of a list, or key and value of a map."""
    if not isinstance(described, Mapping):
        return ()
    match described["type"]:
        case "struct":
            return _fields(described["fields"], kind, by_id)
        case "array":
            parts = {"element": (described["elementType"], kind.value_type)}
        case _:
            parts = {
                "key": (described["keyType"], kind.key_type),
                "value": (described["valueType"], kind.item_type),
            }
    return tuple(
        TableField(name, inner, (name,), inner=_within(of_part, inner, by_id))
        for name, (of_part, inner) in parts.items()
    )
