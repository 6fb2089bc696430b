"""Chooses the library that tokenises a run's documents: fastokens, if it agrees with `tokenizers`.

Both are compared on texts of every script at the start of each run, and on the documents that
planning samples. If they differ once, the run uses `tokenizers`, and its plan remembers that.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import pyarrow as pa

from rm_ray.judges.fast_encoding import battery, first_difference, load_fast
from rm_ray.judges.judge import DocumentTokenizer

log = logging.getLogger(__name__)

# The note in a segment of the plan that names a document on which the libraries differ.
NOTE = "fastokens differs"
# The log shows so many characters of that document.
SHOWN_CHARACTERS = 500

AnyTokenizer = TypeVar("AnyTokenizer", bound=DocumentTokenizer)


def fastest(tokenizer: AnyTokenizer, notes: Sequence[Mapping[str, Any]] = ()) -> AnyTokenizer:
    """Return the tokenizer with fastokens, if it agrees with `tokenizers`; without it if not.

    Args:
        tokenizer: the tokenizing half of a judge.
        notes: notes of the plan's segments.
    """
    differs = next((note[NOTE] for note in notes if NOTE in note), None)
    if differs:
        say_difference(differs)
        return with_fast(tokenizer, False)
    return with_fast(tokenizer, all(map(_agrees, tokenizer.plain_tokenizers)))


def with_fast(tokenizer: AnyTokenizer, fast: bool) -> AnyTokenizer:
    """Return the same tokenizer with fastokens, or without."""
    return cast(AnyTokenizer, replace(cast(Any, tokenizer), fast=fast))


def say_difference(where: str) -> None:
    """Log that fastokens tokenises a document differently."""
    log.warning(
        "fastokens gives other token ids than tokenizers for %s: this run uses tokenizers", where
    )


def differing_row(documents: pa.Table, fast: pa.ChunkedArray, right: pa.ChunkedArray) -> str | None:
    """Name the first row whose ids differ between both libraries, with its text; None if none.

    Args:
        documents: rows with `_row` and the columns that are judged.
        fast: their token ids by fastokens.
        right: the same by `tokenizers`.
    """
    for place, (fast_ids, right_ids) in enumerate(zip(fast, right, strict=True)):
        if fast_ids != right_ids:
            row = documents.slice(place, 1).to_pylist()[0]
            return f"row {row.pop('_row')}: {repr(row)[:SHOWN_CHARACTERS]}"
    return None


def _agrees(plain_json: str) -> bool:
    """Return True if fastokens takes a plain tokenizer and agrees on texts of every script."""
    if load_fast(plain_json) is None:
        return False
    texts = battery(plain_json)
    number = first_difference(plain_json, texts)
    if number is not None:
        say_difference(f"the text {texts[number]!r}")
    return number is None
