"""Documents that are one column of text."""

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
    """Token ids of one column's texts, as plain text. `tokenizer_json`: of a plain tokenizer."""

    column: str
    tokenizer_json: str
    fast: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The text column."""
        return (self.column,)

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return its one tokenizer."""
        return (self.tokenizer_json,)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Text that is null, empty or not valid UTF-8 gets no ids and a status that says so."""
        texts, statuses, errors = decoded(columns[self.column], "text")
        ids = encode_documents(self.tokenizer_json, texts, fast=self.fast)
        return Tokenized(ids, statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """The tokenizer by content, and the column."""
        return {"tokenizer": tokenizer_digest(self.tokenizer_json), "input.text": self.column}


def text_column(inputs: InputConfig, family: str) -> str:
    """The column of a family that judges plain text only.

    Raises:
        ConfigError: documents are something else.
    """
    if inputs.text is None:
        given = " and ".join(inputs.documents)
        raise ConfigError(
            f"judge.family {family} judges plain text, and documents are given by {given}; name "
            "their column with --input.text"
        )
    return inputs.text


def as_bytes(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Parquet's strings need not be valid UTF-8, and a bad one must cost only itself."""
    if pa.types.is_dictionary(text.type):
        text = text.cast(text.type.value_type)
    return text.cast(pa.large_binary())


def decoded(
    column: pa.Array | pa.ChunkedArray, what: str
) -> tuple[list[str], list[str], list[str | None]]:
    """Texts, and the status that each has before it is judged, and why.

    Args:
        what: a word for such a text.
    """
    found = [_decode(value, what) for value in as_bytes(column).to_pylist()]
    return [one[0] for one in found], [one[1] for one in found], [one[2] for one in found]


def _decode(value: bytes | None, what: str) -> tuple[str, str, str | None]:
    if value is None:
        return "", "empty", f"the {what} is null"
    if not value:
        return "", "empty", f"the {what} is empty"
    try:
        return value.decode(), "ok", None
    except UnicodeDecodeError as error:
        said = f"not valid UTF-8: {error.reason} at byte {error.start}"
        return "", "invalid", said if what == "text" else f"the {what} is {said}"
