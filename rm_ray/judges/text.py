"""Tokenises documents that are one column of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.errors import ConfigError
from rm_ray.judges.fast_encoding import encode_documents
from rm_ray.judges.judge import Tokenized
from rm_ray.judges.tokens import tokenizer_digest


@dataclass(frozen=True)
class TextTokenizer:
    """TextTokenizer encodes the texts of one column as plain text."""

    column: str
    """The column of the texts."""
    tokenizer_json: str
    """A plain tokenizer, as JSON."""
    fast: bool = False
    """True to encode by fastokens."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the text column."""
        return (self.column,)

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the one tokenizer."""
        return (self.tokenizer_json,)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Encode the texts; one that is null, empty or not valid UTF-8 gets no ids and a status."""
        texts, statuses, errors = decoded(columns[self.column], "text")
        ids = encode_documents(self.tokenizer_json, texts, fast=self.fast)
        return Tokenized(ids, statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """Return a hash of the tokenizer, and the column."""
        return {"tokenizer": tokenizer_digest(self.tokenizer_json), "input.text": self.column}


def text_column(inputs: InputConfig, family: str) -> str:
    """Return the text column, for a family that judges plain text only.

    Raises:
        ConfigError: the documents are not plain text.
    """
    if inputs.text is None:
        given = " and ".join(inputs.documents)
        raise ConfigError(
            f"judge.family {family} judges plain text, and documents are given by {given}; name "
            "their column with --input.text"
        )
    return inputs.text


def as_bytes(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Convert strings to bytes.

    Parquet's strings need not be valid UTF-8. As bytes, a bad string spoils only its own row.
    """
    if pa.types.is_dictionary(text.type):
        text = text.cast(text.type.value_type)
    return text.cast(pa.large_binary())


def decoded(
    column: pa.Array | pa.ChunkedArray, what: str
) -> tuple[list[str], list[str], list[str | None]]:
    """Decode a column of texts.

    Args:
        column: the texts, as strings or bytes.
        what: a word for such a text in error texts, for example "prompt".

    Returns:
        Three lists with one entry per text: the text, its status before it is judged, and why the
        status is not `ok`.
    """
    rows = [_decode(value, what) for value in as_bytes(column).to_pylist()]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _decode(value: bytes | None, what: str) -> tuple[str, str, str | None]:
    """Decode one text; return its text, its status and why the status is not `ok`."""
    if value is None:
        return "", "empty", f"the {what} is null"
    if not value:
        return "", "empty", f"the {what} is empty"
    try:
        return value.decode(), "ok", None
    except UnicodeDecodeError as error:
        reason = f"not valid UTF-8: {error.reason} at byte {error.start}"
        return "", "invalid", reason if what == "text" else f"the {what} is {reason}"
