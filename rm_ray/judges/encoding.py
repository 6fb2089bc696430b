"""Encodes text as plain text and nothing else.

A document may contain any string, even the names of the tokenizer's special tokens: these are
encoded as text, and never become special tokens.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from rm_ray.errors import JudgeError
from rm_ray.judges.plain import check_words, is_obeyed, is_space, plain_tokenizer, special_tokens

# One call on very long input takes more memory than it saves time (1.3 GiB for 10 MB).
BATCH_CHARACTERS = 1_000_000


@lru_cache(maxsize=4)
def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """Build a tokenizer from its JSON, once per process (Qwen's takes most of a second)."""
    # a task asks Ray for its CPUs, but the tokenizer's own threads would use every core as well
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@lru_cache(maxsize=4)
def plain_json(tokenizer_json: str) -> str:
    """Make the plain copy of a tokenizer with special tokens, as JSON, once per process."""
    return plain_tokenizer(tokenizer_json)


@lru_cache(maxsize=4)
def load_plain(tokenizer_json: str) -> Tokenizer:
    """Build the plain copy of a tokenizer with special tokens, once per process.

    Raises:
        JudgeError: an added word would get another id.
    """
    plain = load_tokenizer(plain_json(tokenizer_json))
    check_words(tokenizer_json, plain)
    return plain


# One of these is put before a text, so that the text is tokenised as one that follows other text.
# They are of several scripts, so that at least one does not merge with the text.
ANCHORS = ("a", "x", "0", "。", "я", ")")


def encode_after(tokenizer: Tokenizer, text: str) -> list[int]:
    """Encode a text that follows other text.

    Many tokenizers put a space before every text: alone, "A" becomes the token of " A".

    Raises:
        JudgeError: the text merges with any text before it.
    """
    for anchor in ANCHORS:
        head, whole = encode(tokenizer, anchor), encode(tokenizer, anchor + text)
        if whole[: len(head)] == head:
            return whole[len(head) :]
    raise JudgeError(
        f"this tokenizer merges {text!r} with any text before it, so that it has no tokens of its "
        "own there"
    )


# Texts that show how a tokenizer encodes the text after a special token.
_AFTER_SPECIAL = ("the", "A", "1. the", "\nthe", " the", "the the")


def load_after_special(tokenizer_json: str) -> Tokenizer:
    """Build the plain tokenizer for text that follows a special token, once per process.

    Raises:
        JudgeError: for the same reason as `after_special_json`.
    """
    return load_tokenizer(after_special_json(tokenizer_json))


@lru_cache(maxsize=4)
def after_special_json(tokenizer_json: str) -> str:
    """Make the plain tokenizer for text that follows a special token, as JSON.

    Some tokenizers put a space only before the first text, others before each text. Both are tried
    on probes.

    Raises:
        JudgeError: the tokenizer follows neither rule.
    """
    plain = load_plain(tokenizer_json)
    special = special_tokens(tokenizer_json)
    firm = [i for i in special.ids.values() if i not in special.eats_right]
    if not special.ids:
        return plain_json(tokenizer_json)
    whole = load_tokenizer(tokenizer_json)
    number = firm[0] if firm else next(iter(special.ids.values()))
    probes = [text if firm else text.lstrip() for text in _AFTER_SPECIAL]
    name = str(whole.id_to_token(number))
    right = [encode(whole, name + text)[1:] for text in probes]
    for tried in (plain_json(tokenizer_json), _without_space_before(plain.to_str())):
        if [encode(load_tokenizer(tried), text) for text in probes] == right:
            return tried
    raise JudgeError(
        "this tokenizer does not split its text at special tokens, so a document's text could not "
        "be told from the template's"
    )


def _without_space_before(tokenizer_json: str) -> str:
    """Copy a tokenizer so that it puts no space before a text."""
    parts = json.loads(tokenizer_json)
    parts["normalizer"] = _never_prepends(parts.get("normalizer"))
    parts["pre_tokenizer"] = _never_prepends(parts.get("pre_tokenizer"))
    return json.dumps(parts, ensure_ascii=False)


def _never_prepends(step: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a step of a tokenizer that puts no space before a text; None if none is left."""
    if step is None or step["type"] == "Prepend":
        return None
    if step["type"] == "Sequence":
        name = "normalizers" if "normalizers" in step else "pretokenizers"
        return step | {name: [kept for inner in step[name] if (kept := _never_prepends(inner))]}
    never: dict[str, dict[str, Any]] = {
        "Metaspace": {"prepend_scheme": "never"},
        "ByteLevel": {"add_prefix_space": False},
    }
    return step | never.get(step["type"], {})


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Encode one text; no special tokens are added."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
    """Encode many texts, in calls of about BATCH_CHARACTERS; long texts are cut into pieces."""
    # ids become arrays at once: a list takes nine times the memory
    arrays: list[list[npt.NDArray[np.int32]]] = [[] for _ in texts]
    cuts = cut_characters(tokenizer)
    pieces = (
        (n, piece)
        for n, text in enumerate(texts)
        for piece in split_text(text, cuts, BATCH_CHARACTERS)
    )
    for batch in _batches(pieces):
        encodings = tokenizer.encode_batch_fast(
            [piece for _, piece in batch], add_special_tokens=False
        )
        for (n, _), encoding in zip(batch, encodings, strict=True):
            arrays[n].append(np.asarray(encoding.ids, np.int32))
    return [ids[0] if len(ids) == 1 else np.concatenate(ids) for ids in arrays]


def split_text(text: str, cuts: frozenset[str], most: int) -> Iterator[str]:
    """Cut a text into pieces whose token ids, joined, are the text's.

    A piece ends before one of `cuts` that follows a letter (or, for a space, anything visible in
    ASCII). A piece has about `most` characters at most, but more if there is no place to cut.

    Args:
        text: the text.
        cuts: the characters before which the tokenizer always splits.
        most: characters of a piece.
    """
    start = 0
    while len(text) - start > most:
        stop = _last_cut(text, start + 1, start + most, cuts) or _first_cut(
            text, start + most, cuts
        )
        if stop is None:
            break
        yield text[start:stop]
        start = stop
    yield text[start:]


@lru_cache(maxsize=4)
def cut_characters(tokenizer: Tokenizer) -> frozenset[str]:
    """Find the characters before which this tokenizer always splits, by trying them on probes.

    Byte-level pre-tokenisers (GPT-2, Llama 3, Qwen) let a space begin a piece, but never stand
    inside one. They end a run of letters at the end of a line or at punctuation.
    """
    added = json.loads(tokenizer.to_str())["added_tokens"]
    kept = [token for token in added if not is_obeyed(token)]
    words = [token for token in kept if not is_space(token["content"])]
    if any(token["rstrip"] for token in kept) or any(token["single_word"] for token in kept):
        return frozenset()  # such a word removes the space after it, or depends on its neighbours
    inside = {sign for word in words for sign in word["content"]}
    return frozenset(cut for cut in _CUTS if cut not in inside and _splits_before(tokenizer, cut))


_CUTS = (" ", "\n", "。", "，", "、")
_LETTERS = ("word", "don't", "né", "漢字")
_VISIBLE = (*_LETTERS, "12", "end.", "(x)", "--", "x=", "a\n\nb")


def _splits_before(tokenizer: Tokenizer, cut: str) -> bool:
    """Return True if the tokenizer splits before this character in all probes."""
    if tokenizer.pre_tokenizer is None:
        return False  # without a pre-tokeniser, merges may run across any character
    return all(
        _splits_at(tokenizer, left, f"{cut}{right}")
        for left in (_VISIBLE if cut == " " else _LETTERS)
        for right in (*_VISIBLE, " ", "\n", "")
    )


def _splits_at(tokenizer: Tokenizer, left: str, right: str) -> bool:
    """Return True if both texts joined give the tokens of each, and no piece spans the seam."""
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str(left + right)
    whole = any(start < len(left) < stop for _, (start, stop) in pieces)
    parts = encode(tokenizer, left) + encode(tokenizer, right)
    return not whole and encode(tokenizer, left + right) == parts


def _may_cut(text: str, i: int, cuts: frozenset[str]) -> bool:
    """Return True if the text may be cut before character i."""
    before = text[i - 1]
    return text[i] in cuts and (before.isalpha() or (text[i] == " " and "!" <= before <= "~"))


def _last_cut(text: str, low: int, high: int, cuts: frozenset[str]) -> int | None:
    """Return the last place to cut from `low` to `high`."""
    return next((i for i in range(high, low - 1, -1) if _may_cut(text, i, cuts)), None)


def _first_cut(text: str, low: int, cuts: frozenset[str]) -> int | None:
    """Return the first place to cut from `low` on."""
    return next((i for i in range(low, len(text)) if _may_cut(text, i, cuts)), None)


def _batches(pieces: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Group pieces, each with the number of its text, into calls of about BATCH_CHARACTERS."""
    batch: list[tuple[int, str]] = []
    room = BATCH_CHARACTERS
    for piece in pieces:
        if room < len(piece[1]) and batch:
            yield batch
            batch, room = [], BATCH_CHARACTERS
        batch.append(piece)
        room -= len(piece[1])
    if batch:
        yield batch
