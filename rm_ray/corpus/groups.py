"""Groups documents by the values of some columns, and names the groups."""

import json
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.columns import as_plain
from rm_ray.counts.order import Ints
from rm_ray.errors import InputError

# Unicode's characters that change the direction of writing.
TURNS = {*"\u061c\u200e\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def group_label(values: list[str | None]) -> str:
    """Return the unique label of a group: its values, one per column, as JSON. Null is a value."""
    return json.dumps(values, ensure_ascii=False)


def group_name(label: str) -> str:
    """Return a group's label in readable form. Ambiguous texts are in quotes."""
    values = json.loads(label)
    return printable(", ".join(_read(value, len(values) > 1) for value in values)) or "all"


def printable(text: str) -> str:
    """Return the text on one line, with escapes (`\\n`) for characters that a terminal obeys."""
    return "".join(c.encode("unicode_escape").decode() if _is_obeyed(c) else c for c in text)


def _is_obeyed(character: str) -> bool:
    """Return True for controls, ends of lines, and characters that turn the writing direction."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in TURNS


def check_number(key: str, labels: Collection[str], most: int) -> None:
    """Refuse columns that give nearly every document a group of its own.

    Args:
        key: key of the configuration that names the columns.
        labels: labels of the groups.
        most: groups, at most.

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
    """Group documents by the values of some columns.

    Args:
        columns: Arrow arrays, with one value per document each.
        documents: how many documents there are.

    Returns:
        The labels of the groups; and the number of each document's group, of shape (documents,).
    """
    codes = np.zeros(documents, np.int64)
    values: list[list[str | None]] = []
    for column in columns:
        encoded = pc.dictionary_encode(_as_text(column), null_encoding="encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        numbers: dict[str | None, int] = {}
        # the number of each entry of the dictionary
        of_text = [numbers.setdefault(text, len(numbers)) for text in texts(encoded.dictionary)]
        values.append(list(numbers))
        codes = codes * len(numbers) + np.array(of_text, np.int64)[encoded.indices.to_numpy()]
    distinct, codes = np.unique(codes, return_inverse=True)
    labels = []
    for code in distinct.tolist():
        label: list[str | None] = []
        for column_values in reversed(values):
            code, at = divmod(code, len(column_values))
            label.insert(0, column_values[at])
        labels.append(group_label(label))
    return labels, codes.astype(np.int64)


def texts(values: pa.Array | pa.ChunkedArray) -> list[str | None]:
    r"""Return values as texts.

    In strings and bytes, bytes that are not UTF-8 are escaped (`caf\xe9`). Values of fixed length
    are mostly hashes: a value that is not UTF-8 is shown as a whole in hex (`00ff`).
    """
    values = as_plain(values)
    is_fixed = pa.types.is_fixed_size_binary(values.type)
    if not (is_fixed or _is_string_or_bytes(values.type)):
        return [None if value is None else str(value) for value in values.to_pylist()]
    read = _hash_as_text if is_fixed else _as_shown
    return [
        None if value is None else read(value)
        for value in values.cast(pa.large_binary()).to_pylist()
    ]


def _as_shown(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _hash_as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def check_grouping(kind: pa.DataType) -> None:
    """Check that values of a type can make groups.

    Raises:
        ArrowException: they cannot, or Arrow cannot write them as text.
    """
    # Arrow only looks up the time zone of a timestamp if there is a value
    _as_text(pa.array([0] if pa.types.is_timestamp(kind) else [], kind))


def _as_text(column: Any) -> Any:
    """Return the column as text. Strings and bytes stay as they are: they may not be UTF-8."""
    column = as_plain(column)
    is_fixed = pa.types.is_fixed_size_binary(column.type)
    kept = is_fixed or _is_string_or_bytes(column.type)
    return column if kept else column.cast(pa.string())


def _is_string_or_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
