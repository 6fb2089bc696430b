"""Documents that are one column of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rm_ray.judges.judge import Tokenized
from rm_ray.judges.tokens import encode_all, load_tokenizer, tokenizer_digest


@dataclass(frozen=True)
class TextTokenizer:
    """Token ids of one column's texts, as plain text. `tokenizer_json`: of a plain tokenizer."""

    column: str
    tokenizer_json: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The text column."""
        return (self.column,)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Text that is null, empty or not valid UTF-8 gets no ids and a status that says so."""
        texts, statuses, errors = [], [], []
        for value in as_bytes(columns[self.column]).to_pylist():
            text, status, error = _decode(value)
            texts.append(text)
            statuses.append(status)
            errors.append(error)
        return Tokenized(encode_all(load_tokenizer(self.tokenizer_json), texts), statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """The tokenizer by content, and the column."""
        return {"tokenizer": tokenizer_digest(self.tokenizer_json), "input.text": self.column}


def as_bytes(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Parquet's strings need not be valid UTF-8, and a bad one must cost only itself."""
    if pa.types.is_dictionary(text.type):
        text = text.cast(text.type.value_type)
    return text.cast(pa.large_binary())


def _decode(value: bytes | None) -> tuple[str, str, str | None]:
    """A document's text, and the status it has before it is judged."""
    if value is None:
        return "", "empty", "the text is null"
    if not value:
        return "", "empty", "the text is empty"
    try:
        return value.decode(), "ok", None
    except UnicodeDecodeError as error:
        return "", "invalid", f"not valid UTF-8: {error.reason} at byte {error.start}"
