"""Compares the key-value metadata of a copy with its source."""

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from rm_ray.parquet.footer import ARROW_SCHEMA, KeyValue

RANGE = "the range of `pandas` row labels is left out"
BOX = "`bbox` in the key `geo` is left out"


def differences(
    source: Sequence[KeyValue], copy: Sequence[KeyValue], changed: Collection[str]
) -> list[str]:
    """Name the differences in the metadata that `changed` does not name."""
    wanted = [pair for pair in source if not _left_out(pair[0]) & {*changed}]
    names, found = [key for key, _ in wanted], [key for key, _ in copy]
    if names != found:
        return [f"the metadata has the keys {found} in place of {names}"]
    return [
        f"the key {key.decode('utf-8', 'replace')!r} has another value"
        for (key, before), (_, after) in zip(wanted, copy, strict=True)
        if before != after and not _is_as_said(key, before, after, changed)
    ]


def _left_out(key: bytes) -> set[str]:
    """Return the filter's sentence for leaving out a key."""
    name = key.decode("utf-8", "replace")
    whys = ("the number of all rows", "which names the columns")
    return {f"the key `{name}`, {why}, is left out" for why in whys}


def _is_as_said(
    key: bytes, before: bytes | None, after: bytes | None, changed: Collection[str]
) -> bool:
    """Return True if two values of a key differ only as `changed` says."""
    if before is None or after is None:
        return False
    if key == ARROW_SCHEMA:
        return _same_schema(_arrow(before), _arrow(after), changed)
    if key == b"pandas" and RANGE in changed:
        return bool(_pandas(before) == json.loads(after))
    if key == b"geo" and BOX in changed:
        return bool(_geo(before) == json.loads(after))
    return False


def _same_schema(source: pa.Schema, copy: pa.Schema, changed: Collection[str]) -> bool:
    """Return True if two Arrow schemas differ only in metadata, and only as `changed` says."""
    if not source.remove_metadata().equals(copy.remove_metadata(), check_metadata=True):
        return False
    # keys of Arrow's metadata have no order
    return not differences(_pairs(source), _pairs(copy), changed)


def _pairs(schema: pa.Schema) -> list[KeyValue]:
    return sorted((schema.metadata or {}).items())


def _arrow(value: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(value)))


def _pandas(value: bytes) -> Any:
    content = json.loads(value)
    labels = content["index_columns"]
    return content | {"index_columns": [one for one in labels if not isinstance(one, dict)]}


def _geo(value: bytes) -> Any:
    content = json.loads(value)
    for column in content["columns"].values():
        column.pop("bbox", None)
    return content
