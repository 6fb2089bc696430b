"""A file's own metadata, for another file that holds some of its rows.

Most keys speak of the columns or of where the data comes from, and stay as they are. Some speak of
the rows of the whole file, and would lie of fewer: those are set right, or dropped, and it is said.
"""

import base64
import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa

from rm_ray.parquet.footer import ARROW_SCHEMA, KeyValue, StoredFooter

# Keys by which Spark, and readers of Avro, know the columns of a file.
SCHEMAS = {b"org.apache.spark.sql.parquet.row.metadata", b"parquet.avro.schema", b"avro.schema"}
# Names of keys that count rows, where their value is the file's number of rows.
_COUNTS = re.compile(
    r"(num|count|n|total)?[_.-]*(rows?|records?|examples?)[_.-]*(count|num)?", re.I
)


def settled(footer: StoredFooter) -> tuple[list[KeyValue], list[str]]:
    """The metadata for a file of some of the rows.

    Returns:
        Its keys and values; and what is not as it was, each in a few words.
    """
    said: list[str] = []
    pairs: list[KeyValue] = []
    for key, value in footer.key_values:
        if key == ARROW_SCHEMA:
            pairs.append((key, _settled_schema(value, footer.rows)))
            continue
        after, what = _settled(key, value, footer.rows)
        if what:
            said.append(what)
        if not what or after is not None:
            pairs.append((key, after))
    return pairs, said


def without_schemas(pairs: Sequence[KeyValue]) -> tuple[list[KeyValue], list[str]]:
    """The metadata without the keys by which Spark and Avro know the columns of a file.

    Where columns are added or left out, these keys would hide the new ones and name the old ones.

    Returns:
        The other keys and values; and what is left out, each in a few words.
    """
    said = [
        f"the key `{key.decode()}`, which names the columns, is left out"
        for key, _ in pairs
        if key in SCHEMAS
    ]
    return [pair for pair in pairs if pair[0] not in SCHEMAS], said


def without_stored(pairs: Sequence[KeyValue], names: Collection[str]) -> list[KeyValue]:
    """The metadata of a file that lacks some columns: a stored Arrow schema lacks them too."""
    return [
        (key, _without(value, names) if key == ARROW_SCHEMA and value else value)
        for key, value in pairs
    ]


def _without(value: bytes, names: Collection[str]) -> bytes:
    try:
        schema = _read(value)
    except (pa.ArrowException, ValueError):
        return value
    left = [field for field in schema if field.name not in names]
    return _stored(pa.schema(left, schema.metadata), [])


def with_fields(pairs: Sequence[KeyValue], fields: Iterable[pa.Field]) -> list[KeyValue]:
    """The metadata of a file that has some more columns: a stored Arrow schema names them too.

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
    """A stored Arrow schema, which has the same metadata once more."""
    if value is None:
        return None
    try:
        schema = _read(value)
    except (pa.ArrowException, ValueError):
        return value
    metadata = schema.metadata or {}
    after: dict[bytes, bytes] = {}
    for key, each in metadata.items():
        kept, what = _settled(key, each, rows)
        if not what or kept is not None:
            after[key] = kept or b""
    if after == metadata:
        return value
    return _stored(schema.with_metadata(after), [])


def _read(value: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(value)))


def _stored(schema: pa.Schema, fields: Iterable[pa.Field]) -> bytes:
    whole = pa.schema([*schema, *fields], schema.metadata)
    return base64.b64encode(whole.serialize().to_pybytes())


def _changed(value: bytes, change: Any, said: str) -> tuple[bytes, str]:
    """A JSON value that is changed; the same bytes, and nothing to say, where nothing is."""
    try:
        content = json.loads(value)
        changed = change(content)
    except (ValueError, TypeError, LookupError, AttributeError):  # of another shape than known
        return value, ""
    if not changed:
        return value, ""
    return json.dumps(content, ensure_ascii=False).encode(), said


def _without_range(pandas: dict[str, Any]) -> bool:
    """Row labels of pandas that are counted: of fewer rows they would be others."""
    labels = pandas["index_columns"]
    pandas["index_columns"] = [one for one in labels if not isinstance(one, dict)]
    return len(pandas["index_columns"]) < len(labels)


def _without_boxes(geo: dict[str, Any]) -> bool:
    """GeoParquet's box around all of a column's shapes."""
    boxes = [column.pop("bbox", None) for column in geo["columns"].values()]
    return any(box is not None for box in boxes)
