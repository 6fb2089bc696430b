"""Groups: the documents that share the values of some columns, and what a group is called."""

import json
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.counts.order import Ints
from rm_ray.errors import InputError

# Unicode's controls of the direction of writing.
TURNS = {*"\u061c\u200e\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def group_label(values: list[str | None]) -> str:
    """The one name of a group: its values, a column each, as JSON; null is a value."""
    return json.dumps(values, ensure_ascii=False)


def group_name(label: str) -> str:
    """A group's label as a person reads it; texts that would read as something else in quotes."""
    values = json.loads(label)
    return printable(", ".join(_read(value, len(values) > 1) for value in values)) or "all"


def printable(text: str) -> str:
    """The text on one line, with escapes (`\\n`) for what a terminal would obey."""
    return "".join(c.encode("unicode_escape").decode() if _is_obeyed(c) else c for c in text)


def _is_obeyed(character: str) -> bool:
    """Controls, ends of lines, and what turns the direction of writing."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in TURNS


def check_number(key: str, labels: Collection[str], most: int) -> None:
    """Refuse columns of which nearly every document has a value of its own.

    Args:
        key: of the configuration, that names them.
        labels: of the groups that they make.

    Raises:
        InputError: there are more groups than `most`.
    """
    if len(labels) > most:
        raise InputError(
            f"{key}: there are more than {most:,} groups, such as {group_name(min(labels))}; give "
            "columns whose values documents share"
        )


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
        numbers: dict[str | None, int] = {}
        once = [numbers.setdefault(one, len(numbers)) for one in texts(encoded.dictionary)]
        values.append(list(numbers))
        codes = codes * len(numbers) + np.array(once, np.int64)[encoded.indices.to_numpy()]
    found, codes = np.unique(codes, return_inverse=True)
    labels = []
    for code in found.tolist():
        label: list[str | None] = []
        for known in reversed(values):
            code, at = divmod(code, len(known))
            label.insert(0, known[at])
        labels.append(group_label(label))
    return labels, codes.astype(np.int64)


def texts(values: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """Values as texts; of strings and bytes what is no UTF-8 is shown as such (`\\xff`)."""
    try:
        values = values.cast(pa.large_binary())
    except pa.ArrowNotImplementedError:
        return [None if one is None else str(one) for one in values.to_pylist()]
    found = values.to_pylist()
    return [None if one is None else one.decode("utf-8", "backslashreplace") for one in found]


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As labels have it, but for bytes."""
    is_bytes = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    return column if is_bytes else column.cast(pa.string())
