"""Encodes the parts of a prompt around a chunk: the BOS, the two markers and the labels.

Each is encoded as it stands in a prompt, after the text before it. Many tokenizers put a space
before every text: alone, the label "A" would become the token of " A", but after the prompt's last
sign it is another token.
"""

import json
import logging
from collections.abc import Sequence
from typing import TypeAlias

from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import (
    encode,
    encode_after,
    load_after_special,
    load_plain,
    load_tokenizer,
)
from rm_ray.judges.frame import Frame
from rm_ray.judges.plain import join_texts, special_tokens, split_special, strip_beside
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import TokenizerFiles

log = logging.getLogger(__name__)

# A marker: texts, and ids of special tokens.
Marker: TypeAlias = tuple[int | str, ...]


def read_marker(text: str, files: TokenizerFiles, *, special: bool) -> Marker:
    """Cut a marker at its special tokens.

    Args:
        text: the marker.
        files: the tokenizer.
        special: the marker may hold special tokens; if not, it is all text.
    """
    return tuple(split_special(text, files.json)) if special else (text,)


def marker_ids(marker: Sequence[int | str], files: TokenizerFiles) -> tuple[int, ...]:
    """Encode a marker that follows other text.

    Raises:
        JudgeError: the marker merges with any text before it.
    """
    ids: list[int] = []
    parts = strip_beside(join_texts(marker), special_tokens(files.json))
    for number, part in enumerate(parts):
        if isinstance(part, int):
            ids.append(part)
        elif number:  # behind a special token
            ids += encode(load_after_special(files.json), part)
        else:
            ids += encode_after(load_plain(files.json), part)
    return tuple(ids)


def resolve_labels(
    config: PreferenceConfig, after: Marker, files: TokenizerFiles
) -> tuple[int, int]:
    """Find the tokens of the chosen and the rejected label, as they follow the marker `after`.

    Raises:
        JudgeError: a label is not exactly one token after the marker, the tokenizer does not know
            it, or both labels are the same token.
    """
    chosen = _label_id("chosen", config.chosen, after, files)
    rejected = _label_id("rejected", config.rejected, after, files)
    if chosen == rejected:
        raise JudgeError(
            f"judge.chosen {config.chosen!r} and judge.rejected {config.rejected!r} are the same "
            f"token in this tokenizer, {chosen}; take other labels"
        )
    return chosen, rejected


def _label_id(key: str, label: str, after: Marker, files: TokenizerFiles) -> int:
    """Return the id for which encode(after + label) = encode(after) + [id]."""
    *first, last = after if after and isinstance(after[-1], str) else (*after, "")
    marker = list(marker_ids((*first, last), files))
    ids = list(marker_ids((*first, f"{last}{label}"), files))
    if ids[: len(marker)] != marker or len(ids) != len(marker) + 1:
        alone = encode_after(load_plain(files.json), label)
        fault = (
            f"is {len(alone)} tokens in this tokenizer, not one"
            if len(alone) != 1
            else "merges with the end of judge.after_chunk, so that it has no token of its own"
        )
        raise JudgeError(f"judge.{key}: the label {label!r} {fault}; take another label or marker")
    if ids[-1] == _unknown(files):
        raise JudgeError(
            f"judge.{key}: this tokenizer does not know the label {label!r}; take another label"
        )
    return ids[-1]


def _unknown(files: TokenizerFiles) -> int | None:
    """Return the id of the token for text that the tokenizer does not know; None if it has none."""
    model = json.loads(files.json)["model"]
    name = model.get("unk_token") or files.special_tokens.get("unk_token")
    number = model.get("unk_id") if name is None else load_tokenizer(files.json).token_to_id(name)
    return None if number is None else int(number)


def resolve_bos(asked: bool | None, before: Marker, files: TokenizerFiles) -> tuple[int, ...]:
    """Return the tokens that prompts begin with.

    Args:
        asked: True for the tokenizer's BOS, False for none, None to begin as the tokenizer itself
            begins a text.
        before: the token ids of the marker before the chunk. If they begin with the BOS, no BOS is
            added.
        files: the tokenizer.

    Raises:
        JudgeError: a BOS is asked for, and the tokenizer has none.
    """
    if asked is False:
        return ()
    whole = load_tokenizer(files.json)
    bos = Frame.of_text(whole, load_plain(files.json)).before
    if asked and not bos:
        name = files.special_tokens.get("bos_token")
        number = None if name is None else whole.token_to_id(name)
        if number is None:
            raise JudgeError("judge.bos is true, and the tokenizer has no BOS; leave it out")
        bos = (number,)
    return () if bos and tuple(before[: len(bos)]) == bos else bos


def say_bos(bos: Sequence[int], files: TokenizerFiles) -> None:
    """Log the BOS that prompts begin with, or that they have none though the tokenizer has one."""
    if bos:
        names = " ".join(str(load_tokenizer(files.json).id_to_token(number)) for number in bos)
        log.info("prompts begin with the tokenizer's %s (--judge.bos false leaves it out)", names)
    elif name := files.special_tokens.get("bos_token"):
        log.info("prompts begin without a BOS (--judge.bos true puts %s there)", name)
