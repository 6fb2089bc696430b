"""Pairs as token ids: one array for each, as the scoring machinery carries it.

An array holds the prompt, the chosen chunk and the rejected chunk, one after the other. The first
id of either chunk is written as its complement (`~id`, below zero), so that it is seen where a
chunk begins, and an array is as long as the pair has tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.judges.fast_encoding import encode_documents
from rm_ray.judges.judge import TokenIds, Tokenized
from rm_ray.judges.text import decoded
from rm_ray.judges.tokens import tokenizer_digest

TEXTS = ("prompt", "chosen", "rejected")
IDS = ("prompt_ids", "chosen_ids", "rejected_ids")
SPLIT = "split"
LEFT_OUT = "left_out"
NOTHING = np.empty(0, np.int32)


def joined(prompt: TokenIds, chosen: TokenIds, rejected: TokenIds) -> TokenIds:
    """One array of a pair, whose chunks have a token at least."""
    whole = np.concatenate([prompt, chosen, rejected]).astype(np.int32)
    for start in (len(prompt), len(prompt) + len(chosen)):
        whole[start] = ~whole[start]
    return whole


def parted(ids: TokenIds) -> tuple[TokenIds, TokenIds, TokenIds]:
    """The prompt, the chosen and the rejected chunk of a pair's array."""
    first, second = np.flatnonzero(ids < 0)
    plain = np.where(ids < 0, ~ids, ids)
    return plain[:first], plain[first:second], plain[second:]


@dataclass(frozen=True)
class PairTokenizer:
    """Pairs by their exact ids, or by their texts, encoded as plain text.

    `names`: the columns of prompt, chosen and rejected; `tokenizer_json`: of a plain tokenizer.
    `split`: pairs of another split are left out; None for all.
    """

    names: tuple[str, str, str]
    tokenizer_json: str
    split: str | None
    fast: bool = False

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return its one tokenizer."""
        return (self.tokenizer_json,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The three columns, and that of the split where it matters."""
        return (*self.names, SPLIT) if self.split else self.names

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """A pair that is left out, or lacks a chunk, gets no ids."""
        read = _read_ids if self.names == IDS else self._encode
        parts, statuses, errors = read(columns)
        splits = columns[SPLIT].to_pylist() if self.split else [None] * len(statuses)
        ids = []
        for i, (pair, split) in enumerate(zip(parts, splits, strict=True)):
            if split != self.split:
                statuses[i], errors[i] = LEFT_OUT, f"its split is {split}"
            elif statuses[i] == "ok" and not (len(pair[1]) and len(pair[2])):
                statuses[i], errors[i] = "empty", "a chunk of the pair has no tokens"
            ids.append(joined(*pair) if statuses[i] == "ok" else NOTHING)
        return Tokenized(ids, statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """The tokenizer by content, the columns and the split."""
        return {
            "tokenizer": tokenizer_digest(self.tokenizer_json),
            "pairs": list(self.names),
            "pairs.split": self.split or "all",
        }

    def _encode(
        self, columns: Mapping[str, pa.Array]
    ) -> tuple[list[tuple[TokenIds, ...]], list[str], list[str | None]]:
        """Texts to ids. An empty prompt is a prompt; an empty chunk is none."""
        statuses: list[str] = []
        errors: list[str | None] = []
        texts: list[list[str]] = []
        for name, what in zip(self.names, TEXTS, strict=True):
            found, said, why = decoded(columns[name], what)
            texts.append(found)
            if what == "prompt":
                said = ["ok" if one == "empty" else one for one in said]
                why = [None if one == "ok" else text for one, text in zip(said, why, strict=True)]
            statuses = _worse(statuses, said) if statuses else said
            errors = [a or b for a, b in zip(errors, why, strict=True)] if errors else why
        ids = [encode_documents(self.tokenizer_json, one, fast=self.fast) for one in texts]
        return list(zip(*ids, strict=True)), statuses, errors


def _worse(before: list[str], now: list[str]) -> list[str]:
    return [one if one != "ok" else other for one, other in zip(before, now, strict=True)]


def _read_ids(
    columns: Mapping[str, pa.Array],
) -> tuple[list[tuple[TokenIds, ...]], list[str], list[str | None]]:
    lists = [_arrays(columns[name]) for name in IDS]
    pairs = list(zip(*lists, strict=True))
    statuses = ["empty" if any(part is None for part in pair) else "ok" for pair in pairs]
    errors = [None if status == "ok" else "ids of the pair are null" for status in statuses]
    return (
        [tuple(NOTHING if part is None else part for part in pair) for pair in pairs],
        statuses,
        errors,
    )


def _arrays(column: pa.Array | pa.ChunkedArray) -> list[TokenIds | None]:
    return [
        None if not one.is_valid else one.values.to_numpy(zero_copy_only=False).astype(np.int32)
        for one in column
    ]
