"""Encodes documents by fastokens, if it gives the same ids as the library `tokenizers`.

fastokens encodes for byte-level BPE tokenizers, and other BPE tokenizers, tens of times faster.
`tokenizers` stays the reference: before a run uses fastokens, the driver compares both on texts of
every script and on sampled documents of the corpus. If fastokens does not take a tokenizer,
`tokenizers` is used.
"""

import json
import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rm_ray.judges.encoding import encode_all, load_tokenizer

try:
    from fastokens import Tokenizer as FastTokenizer
except ImportError:  # there is no build for this kind of machine
    FastTokenizer = None

log = logging.getLogger(__name__)

Ids = npt.NDArray[np.int32]


def encode_documents(tokenizer_json: str, texts: Sequence[str], *, fast: bool) -> list[Ids]:
    """Encode each text as plain text.

    Args:
        tokenizer_json: the JSON of a plain tokenizer.
        fast: use fastokens, if it takes the tokenizer.

    Returns:
        The token ids of each text, [tokens].
    """
    tokenizer = load_fast(tokenizer_json) if fast else None
    if tokenizer is None:
        return encode_all(load_tokenizer(tokenizer_json), texts)
    try:
        ids, offsets = tokenizer.encode_batch_flat(list(texts))
    except ValueError as error:  # a text on which its regular expressions give up
        log.debug("fastokens cannot encode: %s", error)
        return encode_all(load_tokenizer(tokenizer_json), texts)
    flat = np.frombuffer(ids, np.int32)
    ends = np.frombuffer(offsets, np.uint64).tolist()
    return [flat[start:stop] for start, stop in pairwise(ends)]


@lru_cache(maxsize=4)
def load_fast(tokenizer_json: str) -> Any:
    """Load a tokenizer into fastokens, once per process; None if fastokens does not take it.

    Return None too if fastokens is not installed: it has builds only for some kinds of machines.
    """
    if FastTokenizer is None:
        return None
    # a task asks Ray for its CPUs, but the library's own threads would use every core as well
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    try:
        return FastTokenizer.from_json_str(tokenizer_json)
    except ValueError as error:
        log.debug("fastokens does not take this tokenizer: %s", error)
        return None


def first_difference(tokenizer_json: str, texts: Sequence[str]) -> int | None:
    """Return the number of the first text that fastokens encodes differently; None if none."""
    fast = encode_documents(tokenizer_json, texts, fast=True)
    reference = encode_documents(tokenizer_json, texts, fast=False)
    pairs = enumerate(zip(fast, reference, strict=True))
    return next((n for n, (ids, right) in pairs if not np.array_equal(ids, right)), None)


# Short texts of many scripts, signs at which tokenizers split, join or normalise a text, and names
# of special tokens, which are plain text in a document.
_STRETCHES = (
    *("the harbour", "don't", "WE'RE", "I'Ll", "naïve cafe\u0301", "İstanbul", "Straße", "ﬁne"),
    *("Привет, мир", "γειά σου", "שלום עולם", "مرحبا", "١٢٣", "नमस्ते", "สวัสดี", "안녕"),
    *("\u1112\u1161\u11ab", "漢字かな交じり文。", "ＡＢＣ", "𝒳𝓎", "👩\u200d👧", "🏳️\u200d🌈"),
    *("12,345.678", "1234567", "0x1F", "x=1;", "----", "...!?", "://", "{}()[]", "_a_b", "$5"),
    *("", " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", " \n ", "\u3000", "\u00a0", "\u2028"),
    *("\x85", "\x00", "\x1c", "\u200b", "\ufeff", "\u0345", "ſ", "'ſ", "\ufffd", "\ue000"),
    *("\U00020000", "a" * 70, "<|im_start|>", "<|endoftext|>", "<tool_call>", "</s>", "[INST]"),
)


@lru_cache(maxsize=4)
def battery(tokenizer_json: str) -> list[str]:
    """Return texts to compare both libraries on: pairs of short texts and of added tokens."""
    added = [token["content"] for token in json.loads(tokenizer_json)["added_tokens"]]
    stretches = [*_STRETCHES, *added[:200]]
    joined = ["".join(stretches), " ".join(stretches), "\n".join(stretches)]
    return [first + second for first in stretches for second in _STRETCHES] + joined
