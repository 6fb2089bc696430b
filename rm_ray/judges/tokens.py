"""Text to token ids, as plain text and nothing else.

A document may contain any string, the tokenizer's own added tokens among them: they are never
obeyed. Knows nothing of judges or files.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from rm_ray.config import StorageConfig
from rm_ray.engines.stored import is_stored, list_stored
from rm_ray.engines.weights import Model, is_path, local_folder
from rm_ray.errors import JudgeError, first_line
from rm_ray.judges.keys import JudgeSection

# One call on very long input takes more memory than it saves time (1.3 GiB for 10 MB).
BATCH_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class TokenizerFiles:
    """What a model's tokenizer is made of.

    `json`: the tokenizer itself, with its added tokens and what it puts around a text.
    `chat_template`: Jinja, or None. `special_tokens`: by the names that templates know them by.
    """

    json: str
    chat_template: str | None
    special_tokens: Mapping[str, str]


def read_tokenizer(place: str, revision: str | None, name: str = "") -> TokenizerFiles:
    """The tokenizer of a model's folder, or of a hub name.

    Args:
        name: of the model, where it is not `place`.

    Raises:
        JudgeError: there is none, or none with a fast version.
    """
    from transformers import AutoTokenizer

    name = name or place
    folder = local_folder(place)
    if folder is None and is_path(place):
        raise JudgeError(f"there is no folder {name} to read a tokenizer from")
    if folder and not any(
        (folder / file).is_file()
        for file in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    ):
        raise JudgeError(
            f"the folder {name} has no tokenizer (tokenizer.json); "
            "name one with --judge.tokenizer, or copy the model's own beside its weights"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder or place), revision=revision, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise JudgeError(f"cannot load the tokenizer of {name}: {first_line(error)}") from None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise JudgeError(f"the tokenizer of {name} has no fast version; rm_ray needs one")
    special = {
        key: str(value)
        for key, value in tokenizer.special_tokens_map.items()
        if isinstance(value, str)
    }
    template = tokenizer.chat_template
    if isinstance(template, dict):  # several, by the names of their uses
        template = template.get("default")
    return TokenizerFiles(str(backend.to_str()), template, special)


def judge_tokenizer(section: JudgeSection, model: Model) -> TokenizerFiles:
    """The tokenizer that a judge names, or else its model's own.

    Raises:
        JudgeError: as `read_tokenizer`.
    """
    if section.tokenizer:
        return read_tokenizer(section.tokenizer, None)
    return read_tokenizer(model.place or model.name, model.revision, model.name)


def tokenizer_of_run(judge: Mapping[str, Any]) -> TokenizerFiles:
    """The tokenizer of a run's judge, whose configuration is stored with the run.

    Raises:
        JudgeError: as `read_tokenizer`; or its store does not give it.
    """
    if judge.get("tokenizer"):
        return read_tokenizer(judge["tokenizer"], None)
    name = judge["model"]
    if not is_stored(name):
        return read_tokenizer(name, judge.get("revision"))
    stored, _ = list_stored(name, StorageConfig(**judge.get("storage", {})), code=False)
    return read_tokenizer(str(stored.fetch(None, weights=False)), None, name)


def plain_tokenizer(tokenizer_json: str) -> str:
    """The same tokenizer without added tokens, templates, padding or truncation, as JSON.

    `split_special_tokens` is not enough: it still maps added tokens that are not "special",
    such as Qwen's `<tool_call>` and `<|fim_prefix|>`, to single ids.
    """
    parts = json.loads(tokenizer_json)
    spaces = [one for one in parts["added_tokens"] if _is_space(one["content"])]
    if parts["model"].get("type") == "Unigram":
        # such a model knows special tokens as words: with spaces in them, no text has them
        special = {one["content"] for one in parts["added_tokens"]}
        vocabulary = parts["model"]["vocab"]
        for number, (piece, score) in enumerate(vocabulary):
            if piece in special and number != parts["model"].get("unk_id"):
                vocabulary[number] = [f" {piece} ", score]
    parts.update(added_tokens=spaces, post_processor=None, truncation=None, padding=None)
    return json.dumps(parts, ensure_ascii=False)


def _is_space(token: str) -> bool:
    """Runs of spaces are added to some vocabularies: they are text."""
    return not token.strip()


def split_special(text: str, tokenizer_json: str) -> list[int | str]:
    """The text cut at its special tokens: their ids, and the stretches between them."""
    special = _special_ids(tokenizer_json)
    parts = (part for part in special.splitter.split(text) if part)
    return [special.ids.get(part, part) for part in parts]


@dataclass(frozen=True)
class _Special:
    ids: Mapping[str, int]
    splitter: re.Pattern[str]


@lru_cache(maxsize=4)
def _special_ids(tokenizer_json: str) -> _Special:
    """The added tokens, and what splits a text at them: the longest first, as tokenizers do."""
    added = json.loads(tokenizer_json)["added_tokens"]
    ids = {one["content"]: one["id"] for one in added if not _is_space(one["content"])}
    longest = sorted(ids, key=len, reverse=True)
    pattern = f"({'|'.join(map(re.escape, longest))})" if ids else "(?!)"
    return _Special(ids, re.compile(pattern))


def tokenizer_digest(tokenizer_json: str) -> str:
    """A tokenizer's content in a few letters."""
    return f"sha256:{hashlib.sha256(tokenizer_json.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=4)
def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """A tokenizer from its JSON, built once a process (Qwen's takes most of a second)."""
    # a task asks Ray for its CPUs; the tokenizer's own threads would take every core besides
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@lru_cache(maxsize=4)
def load_plain(tokenizer_json: str) -> Tokenizer:
    """The plain tokenizer of one with added tokens, built once a process."""
    return load_tokenizer(plain_tokenizer(tokenizer_json))


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of one text, nothing added."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
    """Token ids of many texts, in calls of about BATCH_CHARACTERS; long texts go in pieces."""
    # as arrays at once: a list takes nine times the memory
    found: list[list[npt.NDArray[np.int32]]] = [[] for _ in texts]
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
            found[n].append(np.asarray(encoding.ids, np.int32))
    return [ids[0] if len(ids) == 1 else np.concatenate(ids) for ids in found]


def split_text(text: str, cuts: frozenset[str], most: int) -> Iterator[str]:
    """Pieces of at most about `most` characters whose token ids, joined, are the text's.

    A piece ends before one of `cuts` that follows a letter (or, for a space, anything visible in
    ASCII); where there is no such place a piece is as long as it has to be.
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
    """The characters before which this tokenizer always splits, tried and not assumed.

    Byte-level pre-tokenisers (GPT-2, Llama 3, Qwen) let a space begin a piece, never stand inside
    one, and end a run of letters at a line's end or at punctuation.
    """
    return frozenset(cut for cut in _CUTS if _splits_before(tokenizer, cut))


_CUTS = (" ", "\n", "。", "，", "、")
_LETTERS = ("word", "don't", "né", "漢字")
_VISIBLE = (*_LETTERS, "12", "end.", "(x)", "--", "x=", "a\n\nb")


def _splits_before(tokenizer: Tokenizer, cut: str) -> bool:
    if tokenizer.pre_tokenizer is None:
        return False  # merges may then run across anything
    return all(
        _splits_at(tokenizer, left, f"{cut}{right}")
        for left in (_VISIBLE if cut == " " else _LETTERS)
        for right in (*_VISIBLE, " ", "\n", "")
    )


def _splits_at(tokenizer: Tokenizer, left: str, right: str) -> bool:
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str(left + right)
    whole = any(start < len(left) < stop for _, (start, stop) in pieces)
    parts = encode(tokenizer, left) + encode(tokenizer, right)
    return not whole and encode(tokenizer, left + right) == parts


def _may_cut(text: str, i: int, cuts: frozenset[str]) -> bool:
    before = text[i - 1]
    return text[i] in cuts and (before.isalpha() or (text[i] == " " and "!" <= before <= "~"))


def _last_cut(text: str, low: int, high: int, cuts: frozenset[str]) -> int | None:
    return next((i for i in range(high, low - 1, -1) if _may_cut(text, i, cuts)), None)


def _first_cut(text: str, low: int, cuts: frozenset[str]) -> int | None:
    return next((i for i in range(low, len(text)) if _may_cut(text, i, cuts)), None)


def _batches(pieces: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
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
