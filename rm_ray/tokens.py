"""Text to token ids, as plain text and nothing else.

A document may contain any string, the tokenizer's own added tokens among them: they are never
obeyed. Knows nothing of judges or files.
"""

import json
import os
from collections.abc import Sequence
from functools import lru_cache

from tokenizers import Tokenizer

# One call on very long input takes more memory than it saves time (REFERENCE: 1.3 GiB for 10 MB).
BATCH_CHARACTERS = 1_000_000


def plain_tokenizer(tokenizer_json: str) -> str:
    """The same tokenizer without added tokens, templates, padding or truncation, as JSON.

    `split_special_tokens` is not enough: it still maps added tokens that are not "special",
    such as Qwen's `<tool_call>` and `<|fim_prefix|>`, to single ids.
    """
    parts = json.loads(tokenizer_json)
    parts.update(added_tokens=[], post_processor=None, truncation=None, padding=None)
    return json.dumps(parts, ensure_ascii=False)


@lru_cache(maxsize=4)
def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """A tokenizer from its JSON, built once a process (Qwen's takes most of a second)."""
    # a task asks Ray for its CPUs; the tokenizer's own threads would take every core besides
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return Tokenizer.from_str(tokenizer_json)


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of one text, nothing added."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of many texts, in batches of about BATCH_CHARACTERS."""
    ids: list[list[int]] = []
    for batch in _batches(texts):
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        ids += [encoding.ids for encoding in encodings]
    return ids


def _batches(texts: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = [[]]
    room = BATCH_CHARACTERS
    for text in texts:
        if room < len(text) and batches[-1]:
            batches.append([])
            room = BATCH_CHARACTERS
        batches[-1].append(text)
        room -= len(text)
    return batches
