"""Groups: the documents that share the values of some columns, and what a group is called."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.counts.order import Ints


def group_label(values: list[str | None]) -> str:
    """The one name of a group: its values, a column each, as JSON; null is a value."""
    return json.dumps(values, ensure_ascii=False)


def group_name(label: str) -> str:
    """A group's label as a person reads it; texts that would read as something else in quotes."""
    values = json.loads(label)
    return ", ".join(_read(value, len(values) > 1) for value in values) or "all"


def _read(value: str | None, one_of_several: bool) -> str:
    if value is None:
        return "null"
    unclear = value in ("", "null") or value.startswith('"') or (one_of_several and ", " in value)
    return json.dumps(value, ensure_ascii=False) if unclear else value


def grouped(columns: Sequence[Any], documents: int) -> tuple[list[str], Ints]:
    """The groups that documents are in, by label, and the number of each document's."""
    codes = np.zeros(documents, np.int64)
    values: list[list[str | None]] = []
    for column in columns:
        encoded = pc.dictionary_encode(_as_text(column), null_encoding="encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        values.append(encoded.dictionary.to_pylist())
        codes = codes * len(values[-1]) + encoded.indices.to_numpy()
    found, codes = np.unique(codes, return_inverse=True)
    labels = []
    for code in found.tolist():
        label: list[str | None] = []
        for known in reversed(values):
            code, at = divmod(code, len(known))
            label.insert(0, known[at])
        labels.append(group_label(label))
    return labels, codes.astype(np.int64)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As labels have it. Bytes that are no text are shown as such."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column.cast(pa.string())
    texts = [v and v.decode("utf-8", "backslashreplace") for v in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])
