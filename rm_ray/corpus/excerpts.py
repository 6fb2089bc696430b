"""Read single documents, for people to look at."""

import json
from typing import Any

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import values_of
from rm_ray.corpus.decoding import check_unchanged, decode
from rm_ray.corpus.plan import PlannedFile

DECODE_ROWS = 256


def document(file: PlannedFile, row: int, column: str, corpus: CorpusConfig) -> str:
    """Return one document as text; "" if it is null. In a chat, each turn stands after its role.

    Raises:
        Unreadable: the file cannot be read, or has changed.
    """
    unit = next(unit for unit in reversed(file.to_do()) if unit.first_row <= row)
    check_unchanged(unit, corpus)
    for first, batch in decode(unit, corpus, [column], lambda _: DECODE_ROWS):
        if first <= row < first + len(batch):
            values = values_of(batch, column)
            return _as_text(values[row - first].as_py() if values is not None else None)
    return ""


def excerpt(file: PlannedFile, row: int, column: str, corpus: CorpusConfig, length: int) -> str:
    """Return the first characters of a document on one line, without control characters.

    Raises:
        Unreadable: the file cannot be read, or has changed.
    """
    text = document(file, row, column, corpus)
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
    return " ".join(printable.split())[:length]


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return value.decode("utf-8", "replace")
        case [{"role": _, "content": _}, *_]:
            return "\n".join(f"{turn['role']}: {turn['content']}" for turn in value)
        case str():
            return value
    return json.dumps(value, ensure_ascii=False, default=str)
