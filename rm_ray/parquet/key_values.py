"""Adapt a file's own metadata to another file that holds some of its rows.

Most keys describe the columns or the origin of the data, and stay as they are. Some keys describe
all rows of the file, and would be wrong for fewer rows: these are corrected or dropped, and each
change is reported.
"""

import base64
import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa

from rm_ray.parquet.footer import ARROW_SCHEMA, KeyValue, StoredFooter

# Keys from which Spark and readers of Avro take the columns of a file.
SCHEMAS = {b"org.apache.spark.sql.parquet.row.metadata", b"parquet.avro.schema", b"avro.schema"}
# Names of keys that may count rows: they do if the value is the file's number of rows.
_COUNTS = re.compile(
    r"(num|count|n|total)?[_.-]*(rows?|records?|examples?)[_.-]*(count|num)?", re.I
)


def settled(footer: StoredFooter) -> tuple[list[KeyValue], list[str]]:
    """Return the metadata for a file of some of the rows.

    Returns:
        The keys and values, and the changes, each in a few words.
    """
    changes: list[str] = []
    pairs: list[KeyValue] = []
    for key, value in footer.key_values:
        if key == ARROW_SCHEMA:
            pairs.append((key, _settled_schema(value, footer.rows)))
            continue
        kept, change = _settled(key, value, footer.rows)
        if change:
            changes.append(change)
        if not change or kept is not None:
            pairs.append((key, kept))
    return pairs, changes


def without_schemas(pairs: Sequence[KeyValue]) -> tuple[list[KeyValue], list[str]]:
    """Return the metadata without the keys from which Spark and Avro take the columns of a file.

    If columns are added or left out, these keys would hide added columns and name dropped ones.

    Returns:
        The remaining keys and values, and the changes, each in a few words.
    """
    changes = [
        f"the key `{key.decode()}`, which names the columns, is left out"
        for key, _ in pairs
        if key in SCHEMAS
    ]
    return [pair for pair in pairs if pair[0] not in SCHEMAS], changes


def without_stored(pairs: Sequence[KeyValue], names: Collection[str]) -> list[KeyValue]:
    """Return the metadata for a file without some columns: a stored Arrow schema drops these."""
    return [
        (key, _without(value, names) if key == ARROW_SCHEMA and value else value)
        for key, value in pairs
    ]


def _without(value: bytes, names: Collection[str]) -> bytes:
    try:
        schema = _read(value)
    except (pa.ArrowException, ValueError):
        return value
    remaining = [field for field in schema if field.name not in names]
    return _stored(pa.schema(remaining, schema.metadata), [])


def with_fields(pairs: Sequence[KeyValue], fields: Iterable[pa.Field]) -> list[KeyValue]:
    """Return the metadata for a file with more columns: a stored Arrow schema gets these too.

    Raises:
        ArrowException: pyarrow cannot read the stored schema.
    """
    fields = list(fields)
    if fields:
        pairs, _ = without_schemas(pairs)
    return [
        (key, _stored(_read(value), fields) if key == ARROW_SCHEMA and value and fields else value)
        for key, value in pairs
    ]


def _settled(key: bytes, value: bytes | None, rows: int) -> tuple[bytes | None, str]:
    name = key.decode("utf-8", "replace")
    if value is None:
        return None, ""
    if key == b"pandas":
        return _changed(value, _without_range, "the range of `pandas` row labels is left out")
    if key == b"geo":
        return _changed(value, _without_boxes, "`bbox` in the key `geo` is left out")
    if value.strip() == b"%d" % rows and _COUNTS.fullmatch(name):
        return None, f"the key `{name}`, the number of all rows, is left out"
    return value, ""


def _settled_schema(value: bytes | None, rows: int) -> bytes | None:
    """Adapt a stored Arrow schema, which holds a copy of the file's metadata."""
    if value is None:
        return None
    try:
        schema = _read(value)
    except (pa.ArrowException, ValueError):
        return value
    metadata = schema.metadata or {}
    adapted: dict[bytes, bytes] = {}
    for key, entry in metadata.items():
        kept, change = _settled(key, entry, rows)
        if not change or kept is not None:
            adapted[key] = kept or b""
    if adapted == metadata:
        return value
    return _stored(schema.with_metadata(adapted), [])


def _read(value: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(value)))


def _stored(schema: pa.Schema, fields: Iterable[pa.Field]) -> bytes:
    whole = pa.schema([*schema, *fields], schema.metadata)
    return base64.b64encode(whole.serialize().to_pybytes())


def _changed(value: bytes, change: Any, message: str) -> tuple[bytes, str]:
    """Return a changed JSON value and the message; the same bytes and "" if nothing changes."""
    try:
        content = json.loads(value)
        changed = change(content)
    except (ValueError, TypeError, LookupError, AttributeError):  # JSON of an unknown shape
        return value, ""
    if not changed:
        return value, ""
    return json.dumps(content, ensure_ascii=False).encode(), message


def _without_range(pandas: dict[str, Any]) -> bool:
    """Drop row labels of pandas that are a range, which would be wrong for fewer rows."""
    labels = pandas["index_columns"]
    pandas["index_columns"] = [label for label in labels if not isinstance(label, dict)]
    return len(pandas["index_columns"]) < len(labels)


def _without_boxes(geo: dict[str, Any]) -> bool:
    """Drop GeoParquet's box around all shapes of a column."""
    boxes = [column.pop("bbox", None) for column in geo["columns"].values()]
    return any(box is not None for box in boxes)
