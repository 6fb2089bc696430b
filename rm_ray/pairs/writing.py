"""Let a language model write the worse chunk: prompts for the model, and chunks from its answers.

`continued` and `rewritten` are Python generators: they yield prompts, and are sent the tokens of
the answers. So the caller can ask the model about many pairs at once.
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

# A broken context is broken in its last chunks, at most this many.
MOST_BROKEN = 4
# Share of tokens drawn beyond the needed ones: a text that is encoded again may have fewer tokens.
SPARE = 0.25
# An answer may have LONGER times the tokens of the rewritten passage plus MORE tokens.
LONGER, MORE = 2, 64


@dataclass(frozen=True)
class Ask:
    """One prompt for the generator."""

    prompt: Prompt
    """Token ids of the prompt."""
    sampling: Sampling
    """Settings for drawing the answer."""


Steps: TypeAlias = Generator[Ask, Drawn, Worse | None]


@dataclass(frozen=True)
class Writer:
    """A Writer holds the facts about the generator that making pairs needs."""

    bos: tuple[int, ...]
    """Token ids that begin a text; empty for none."""
    never: frozenset[int]
    """Token ids that no continued text may hold: banned tokens and stops."""
    longest: int
    """Tokens of the longest prompt."""
    chat: ChatPrompts | None
    """Prompts of the kind rewritten; None if the kind is not used."""


def continued(
    ids: TokenIds, window: Window, draw: Draw, seed: int, writer: Writer, tokenizer_json: str
) -> Steps:
    """Let the model continue the context and the kept part of the chunk.

    The text of the answer is encoded again, like a document. At a high temperature a model draws
    token sequences that no text is encoded to. A judge would learn to recognise these sequences,
    and not bad text.

    In a broken context the model writes the last one to four chunks too, and then the whole chunk.
    A chunk without a context keeps some real tokens to continue from, unless texts begin with a
    BOS.
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
    """Ask the model the prompts of `rewrite` in turn, each about the answer to the previous prompt.

    The model rewrites the chunk, without its kept part, and a chunk of the text behind it. For a
    broken context it rewrites also the last one to four chunks of the context.
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
    # keep the white space at the start of the passage
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
    """Return how many tokens to draw, so that enough remain when their text is encoded again."""
    return needed + math.ceil(SPARE * needed)


def answer_tokens(chunk: int) -> int:
    """Return the most tokens of an answer to the longest passage that is rewritten."""
    return LONGER * (MOST_BROKEN + 2) * chunk + MORE
