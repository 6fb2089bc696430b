"""Documents that are a prompt and its completion."""

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
    """Token ids of both halves, with `between`, the tokenizer's own tokens, between them.

    `tokenizer_json`: as the model has it; its content is in the fingerprint.
    """

    names: tuple[str, str]
    tokenizer_json: str
    between: tuple[int, ...]
    fast: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The prompt's column and the completion's."""
        return self.names

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the one tokenizer of both halves."""
        return (plain_json(self.tokenizer_json),)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """A half that is null, empty or not valid UTF-8 costs its row, with a status."""
        texts, statuses, errors = both_halves(columns, self.names)
        (plain,), flat = self.plain_tokenizers, [half for both in texts for half in both]
        halves = encode_documents(plain, flat, fast=self.fast)
        between = np.asarray(self.between, np.int32)
        ids = []
        for i, (first, second) in enumerate(zip(halves[::2], halves[1::2], strict=True)):
            if statuses[i] == "ok" and (between[0] in first or between[0] in second):
                statuses[i] = "invalid"
                errors[i] = "its text tokenises to what stands between prompt and completion"
            whole = np.concatenate([first, between, second])
            ids.append(whole if statuses[i] == "ok" else np.empty(0, np.int32))
        return Tokenized(ids, statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """The tokenizer by content, and the columns."""
        return {
            "tokenizer": tokenizer_digest(self.tokenizer_json),
            "input.prompt": self.names[0],
            "input.completion": self.names[1],
        }
