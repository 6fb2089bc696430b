"""Make a chunk worse by a rule: worsen its text, tokenise the text again, and cut it to length."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rm_ray.judges.encoding import encode, load_tokenizer
from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import Window
from rm_ray.pairs.drawing import Draw
from rm_ray.pairs.worsen.kinds import WORSENED

# Decoding gives this character where tokens are cut inside a character.
CUT = "\ufffd"


@dataclass(frozen=True)
class Worse:
    """A Worse holds the context and the worse chunk of a pair."""

    context: TokenIds
    """Token ids of the context, which may be worse too."""
    chunk: TokenIds
    """Token ids of the worse chunk."""
    kept: int = 0
    """Number of real tokens at the start of the chunk."""


def worsened(
    ids: TokenIds,
    window: Window,
    draw: Draw,
    seed: int,
    tokenizer_json: str,
    others: Sequence[str],
) -> Worse | None:
    """Make a window worse by the rule of its kind.

    Some kinds lose much text. So the text behind the chunk is worsened with it, as far as it may be
    needed. A broken context is the whole context, worsened together with the chunk. If too little
    of both remains, the context has fewer chunks.

    Args:
        ids: token ids of the document.
        window: the context and the chunk.
        draw: the random choices of the pair.
        seed: the seed of this try.
        tokenizer_json: content of tokenizer.json of the judge's plain tokenizer.
        others: texts of other documents.

    Returns:
        The worse window; None if the rule changes nothing, or leaves too few tokens.
    """
    rng = random.Random(seed)
    chunk = window.stop - window.middle
    kept = kept_tokens(chunk, rng) if draw.extent == "part" else 0
    before = window.middle - window.start if draw.context == "broken" else 0
    needed = before + chunk - kept
    room = window.stop + needed // 2 + 2 * chunk
    passage = np.concatenate([ids[window.middle - before : window.middle],
                              ids[window.middle + kept : room]])  # fmt: skip
    text = text_of(passage, tokenizer_json)
    worse = WORSENED[draw.kind](text, rng, others) if text.strip() else text
    if worse == text:
        return None
    junk = encode_plain(worse, tokenizer_json)
    if before and len(junk) < needed:
        before = (len(junk) - chunk + kept) // chunk * chunk
        needed = before + chunk - kept
    if len(junk) < needed or (draw.context == "broken" and before <= 0):
        return None
    context = junk[:before] if before else ids[window.start : window.middle]
    real = ids[window.middle : window.middle + kept]
    return Worse(context, np.concatenate([real, junk[before:needed]]), kept)


def kept_tokens(chunk: int, rng: random.Random) -> int:
    """Draw how many tokens of a chunk stay real: between an eighth and three quarters of it."""
    return rng.randint(max(1, chunk // 8), max(1, chunk * 3 // 4))


def text_of(ids: TokenIds, tokenizer_json: str) -> str:
    """Return the text of some tokens, without characters that were cut apart at its ends."""
    text: str = load_tokenizer(tokenizer_json).decode(ids.tolist(), skip_special_tokens=False)
    return text.strip(CUT)


def encode_plain(text: str, tokenizer_json: str) -> TokenIds:
    """Return the token ids of a text, tokenised as plain text."""
    return np.asarray(encode(load_tokenizer(tokenizer_json), text), np.int32)


def shows_in_time(worse: TokenIds, real: TokenIds) -> bool:
    """Return True if a chunk differs from the real chunk before the last eighth."""
    differs = np.flatnonzero(worse != real)
    return len(differs) > 0 and differs[0] <= len(real) - max(1, len(real) // 8)
