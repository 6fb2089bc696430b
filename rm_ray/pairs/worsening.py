"""A chunk made worse by a rule: its text is worsened, tokenised again and cut to the chunk."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rm_ray.judges.encoding import encode, load_tokenizer
from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import Window
from rm_ray.pairs.drawing import Draw
from rm_ray.pairs.worsen.kinds import WORSENED

# What cutting tokens inside a character leaves of it.
CUT = "\ufffd"


@dataclass(frozen=True)
class Worse:
    """What a pair's context and worse chunk have become; `kept`: tokens that are still real."""

    context: TokenIds
    chunk: TokenIds
    kept: int = 0


def worsened(
    ids: TokenIds,
    window: Window,
    draw: Draw,
    seed: int,
    tokenizer_json: str,
    others: Sequence[str],
) -> Worse | None:
    """Make a window worse by the rule of its kind; None where that changes nothing, or leaves too
    little.

    The text behind the chunk is worsened with it, as far as it may be needed: much is lost to some
    kinds. A broken context is the whole context, worsened together with the chunk; where too little
    is left of both, it has fewer chunks.

    Args:
        tokenizer_json: of the judge's plain tokenizer.
        others: texts of other documents.
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
    """How many tokens of a chunk stay real: between an eighth and three quarters of it."""
    return rng.randint(max(1, chunk // 8), max(1, chunk * 3 // 4))


def text_of(ids: TokenIds, tokenizer_json: str) -> str:
    """The text of some tokens, without the rest of a character that was cut at its ends."""
    text: str = load_tokenizer(tokenizer_json).decode(ids.tolist(), skip_special_tokens=False)
    return text.strip(CUT)


def encode_plain(text: str, tokenizer_json: str) -> TokenIds:
    """Token ids of a text, as plain text."""
    return np.asarray(encode(load_tokenizer(tokenizer_json), text), np.int32)


def shows_in_time(worse: TokenIds, real: TokenIds) -> bool:
    """Whether a chunk differs from the real one, and does so before the last eighth of it."""
    differs = np.flatnonzero(worse != real)
    return len(differs) > 0 and differs[0] <= len(real) - max(1, len(real) // 8)
