"""Pairs as token ids: one array per pair, as the scoring job carries documents.

An array holds the prompt, the chosen chunk and the rejected chunk, one after the other. The first
id of each chunk is written as its complement (`~id`, below zero). This marks the start of the chunk
without making the array longer than the pair.
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
    """Join a pair into one array. Both chunks must have at least one token."""
    whole = np.concatenate([prompt, chosen, rejected]).astype(np.int32)
    for start in (len(prompt), len(prompt) + len(chosen)):
        whole[start] = ~whole[start]
    return whole


def parted(ids: TokenIds) -> tuple[TokenIds, TokenIds, TokenIds]:
    """Split a pair's array into the prompt, the chosen chunk and the rejected chunk."""
    first, second = np.flatnonzero(ids < 0)
    plain = np.where(ids < 0, ~ids, ids)
    return plain[:first], plain[first:second], plain[second:]


@dataclass(frozen=True)
class LabelledPairTokenizer:
    """A LabelledPairTokenizer gives pairs as token ids: their own ids, or their encoded texts."""

    names: tuple[str, str, str]
    """Columns of the prompt, the chosen and the rejected chunk."""
    tokenizer_json: str
    """A plain tokenizer, for texts."""
    split: str | None
    """The split to judge, other pairs are left out; None for all pairs."""
    fast: bool = False
    """True to encode with the fast encoder."""

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return its one tokenizer."""
        return (self.tokenizer_json,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the three columns, and the column of the split if only one is judged."""
        return (*self.names, SPLIT) if self.split else self.names

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Return the ids of each pair. A pair that is left out or lacks a chunk gets no ids."""
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
        """Return the tokenizer's digest, the columns and the split."""
        return {
            "tokenizer": tokenizer_digest(self.tokenizer_json),
            "pairs": list(self.names),
            "pairs.split": self.split or "all",
        }

    def _encode(
        self, columns: Mapping[str, pa.Array]
    ) -> tuple[list[tuple[TokenIds, ...]], list[str], list[str | None]]:
        """Encode the texts. A prompt may be empty, a chunk may not."""
        statuses: list[str] = []
        errors: list[str | None] = []
        texts: list[list[str]] = []
        for name, part in zip(self.names, TEXTS, strict=True):
            values, states, messages = decoded(columns[name], part)
            texts.append(values)
            if part == "prompt":
                states = ["ok" if state == "empty" else state for state in states]
                messages = [
                    None if state == "ok" else message
                    for state, message in zip(states, messages, strict=True)
                ]
            statuses = _worse(statuses, states) if statuses else states
            errors = [a or b for a, b in zip(errors, messages, strict=True)] if errors else messages
        ids = [encode_documents(self.tokenizer_json, column, fast=self.fast) for column in texts]
        return list(zip(*ids, strict=True)), statuses, errors


def _worse(before: list[str], now: list[str]) -> list[str]:
    return [first if first != "ok" else second for first, second in zip(before, now, strict=True)]


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
        None if not ids.is_valid else ids.values.to_numpy(zero_copy_only=False).astype(np.int32)
        for ids in column
    ]
