"""Groups: the documents that share the values of some columns, and what a group is called."""

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
    r"""Values as texts.

    In strings and bytes, what is no UTF-8 is shown as such (`caf\xe9`). Bytes of fixed length are
    mostly hashes: where they are no UTF-8, all of them are shown in hex (`00ff`).
    """
    values = as_plain(values)
    is_fixed = pa.types.is_fixed_size_binary(values.type)
    if not (is_fixed or _is_string_or_bytes(values.type)):
        return [None if one is None else str(one) for one in values.to_pylist()]
    read = _hash_as_text if is_fixed else _as_shown
    return [
        None if one is None else read(one) for one in values.cast(pa.large_binary()).to_pylist()
    ]


def _as_shown(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _hash_as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def check_grouping(kind: pa.DataType) -> None:
    """Check that values of a type make groups.

    Raises:
        ArrowException: they do not, or Arrow cannot write them as text.
    """
    # the time zone of a timestamp is only looked up where there is a value
    _as_text(pa.array([0] if pa.types.is_timestamp(kind) else [], kind))


def _as_text(column: Any) -> Any:
    """The column as text; strings and bytes as they are, since they may be no UTF-8."""
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
