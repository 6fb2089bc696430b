"""A chunk that a language model writes: what it is asked, and what its answers become.

Each function is a generator: it yields what is to be asked, and is sent the tokens of the answer.
Whoever runs it asks for many pairs at once.
"""

import math
import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rm_ray.engines.engine import Prompt
from rm_ray.engines.generate.generator import Drawn, Sampling
from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import Window
from rm_ray.pairs.chat import ChatPrompts
from rm_ray.pairs.drawing import Draw, hashed
from rm_ray.pairs.worsening import Worse, encode_plain, kept_tokens, text_of

# A broken context is broken in its last chunks, as many as are drawn.
MOST_BROKEN = 4
# What goes on from a text is drawn with so many tokens more than are needed, as a share: encoded
# again, its text may have fewer.
SPARE = 0.25
# An answer may have so many times the tokens of what is rewritten, and some more.
LONGER, MORE = 2, 64


@dataclass(frozen=True)
class Ask:
    """One prompt for the generator."""

    prompt: Prompt
    sampling: Sampling


Steps: TypeAlias = Generator[Ask, Drawn, Worse | None]


@dataclass(frozen=True)
class Writer:
    """What is known of the generator. `bos`: of a text. `chat`: where it rewrites."""

    bos: tuple[int, ...]
    never: frozenset[int]
    longest: int
    """Tokens of the longest prompt."""
    chat: ChatPrompts | None


def continued(
    ids: TokenIds, window: Window, draw: Draw, seed: int, writer: Writer, tokenizer_json: str
) -> Steps:
    """The model goes on from the context, and from what is kept of the chunk.

    What it has drawn is encoded anew from its text, as a document would be. A hot model draws
    tokens that no text is encoded to, and a judge would learn to see that, and not bad text.

    In a broken context the model has written the last chunks too, from one to four; then it writes
    the whole chunk. A chunk without a context keeps some real tokens to go on from, unless texts
    begin with a BOS.
    """
    rng = random.Random(seed)
    chunk = window.stop - window.middle
    whole = (window.middle - window.start) // chunk
    most = whole if writer.bos else whole - 1
    broken = rng.randint(1, min(most, MOST_BROKEN)) if draw.context == "broken" and most > 0 else 0
    goes_on = draw.extent == "part" or not (writer.bos or whole)
    kept = kept_tokens(chunk, rng) if goes_on and not broken else 0
    begins = window.middle - broken * chunk
    needed = broken * chunk + chunk - kept
    most_tokens = with_spare(needed)
    prompt = np.concatenate([np.asarray(writer.bos, np.int32), ids[window.start : begins],
                             ids[window.middle : window.middle + kept]])  # fmt: skip
    assert draw.temperature is not None
    drawn = yield Ask(prompt, Sampling(draw.temperature, seed, most_tokens))
    if len(drawn) != most_tokens or not writer.never.isdisjoint(drawn.tolist()):
        return None
    junk = encode_plain(text_of(drawn, tokenizer_json), tokenizer_json)
    if len(junk) < needed:
        return None
    cut = broken * chunk
    context = np.concatenate([ids[window.start : begins], junk[:cut]])
    real = ids[window.middle : window.middle + kept]
    return Worse(context, np.concatenate([real, junk[cut:needed]]), kept)


def rewritten(
    ids: TokenIds, window: Window, draw: Draw, seed: int, writer: Writer, tokenizer_json: str
) -> Steps:
    """The model is asked with one prompt after the other, each about the answer before.

    What is rewritten is the chunk, or what is not kept of it, with as much of the text behind; of a
    broken context also its last chunks, from one to four.
    """
    assert writer.chat is not None
    assert draw.temperature is not None
    rng = random.Random(seed)
    chunk = window.stop - window.middle
    whole = (window.middle - window.start) // chunk
    broken = rng.randint(1, min(whole, MOST_BROKEN)) if draw.context == "broken" and whole else 0
    kept = kept_tokens(chunk, rng) if draw.extent == "part" else 0
    begins = window.middle - broken * chunk
    passage = np.concatenate([ids[begins : window.middle],
                              ids[window.middle + kept : window.stop + chunk]])  # fmt: skip
    real_text = text_of(passage, tokenizer_json)
    text = real_text
    for number in range(len(writer.chat.around)):
        prompt = writer.chat.prompt(number, text)
        if not text.strip() or len(prompt) > writer.longest:
            return None
        most = answer_tokens(chunk)
        sampling = Sampling(draw.temperature, hashed(seed, "prompt", number), most, stops=True)
        drawn = yield Ask(prompt, sampling)
        text = text_of(drawn, writer.chat.tokenizer_json).strip()
    # a chunk in the midst of a text begins as that did
    text = f"{real_text[: len(real_text) - len(real_text.lstrip())]}{text}"
    junk = encode_plain(text, tokenizer_json)
    cut = broken * chunk
    needed = cut + chunk - kept
    if len(junk) < needed:
        return None
    context = np.concatenate([ids[window.start : begins], junk[:cut]])
    real = ids[window.middle : window.middle + kept]
    return Worse(context, np.concatenate([real, junk[cut:needed]]), kept)


def with_spare(needed: int) -> int:
    """The tokens to draw so that their text, encoded anew, has as many as are needed."""
    return needed + math.ceil(SPARE * needed)


def answer_tokens(chunk: int) -> int:
    """The most tokens of an answer: of a rewritten passage of the longest kind."""
    return LONGER * (MOST_BROKEN + 2) * chunk + MORE
