"""Tokenises documents that are a prompt and its completion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.judges.chats import both_halves
from rm_ray.judges.encoding import plain_json
from rm_ray.judges.fast_encoding import encode_documents
from rm_ray.judges.judge import Tokenized
from rm_ray.judges.tokens import tokenizer_digest


@dataclass(frozen=True)
class PairTokenizer:
    """PairTokenizer encodes a prompt and its completion as one array of token ids."""

    names: tuple[str, str]
    """The prompt's column and the completion's."""
    tokenizer_json: str
    """The model's tokenizer, as JSON; the fingerprint has its hash."""
    between: tuple[int, ...]
    """The tokens that the tokenizer puts between the halves of a pair."""
    fast: bool = False
    """True to encode by fastokens."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the prompt's column and the completion's."""
        return self.names

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the one tokenizer of both halves."""
        return (plain_json(self.tokenizer_json),)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Encode the pairs.

        A row gets no ids and a status if one of its halves is null, empty or not valid UTF-8.
        """
        texts, statuses, errors = both_halves(columns, self.names)
        (plain,), flat = self.plain_tokenizers, [half for pair in texts for half in pair]
        halves = encode_documents(plain, flat, fast=self.fast)
        between = np.asarray(self.between, np.int32)
        ids = []
        for i, (first, second) in enumerate(zip(halves[::2], halves[1::2], strict=True)):
            if statuses[i] == "ok" and (between[0] in first or between[0] in second):
                statuses[i] = "invalid"
                errors[i] = (
                    "its text holds the token that the tokenizer puts between a prompt and a "
                    "completion"
                )
            whole = np.concatenate([first, between, second])
            ids.append(whole if statuses[i] == "ok" else np.empty(0, np.int32))
        return Tokenized(ids, statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """Return a hash of the tokenizer, and the columns."""
        return {
            "tokenizer": tokenizer_digest(self.tokenizer_json),
            "input.prompt": self.names[0],
            "input.completion": self.names[1],
        }
