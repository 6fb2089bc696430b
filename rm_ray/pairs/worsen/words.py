"""Kinds that drop words, cut words short, or take words of another language."""

import random
import re
from collections.abc import Sequence

from rm_ray.pairs.worsen.phrases import LANGUAGES

# A word with the white space before it.
WORD = re.compile(r"\s*\S+")
DROPPED = 0.3


def dropped_words(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Drop each word, with the white space before it, with a chance of 30%."""
    return WORD.sub(lambda word: "" if rng.random() < DROPPED else word.group(), text)


def truncated_words(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Cut off the ends of between 20 and 60 percent of the words of four or more letters.

    At least two letters remain, and no character marks the cut.
    """
    share = rng.uniform(0.2, 0.6)

    def cut(match: re.Match[str]) -> str:
        word = match.group()
        return word[: rng.randint(2, len(word) - 1)] if rng.random() < share else word

    return re.sub(r"[^\W\d_]{4,}", cut, text)


def mixed_languages(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Replace every other stretch of 4 to 16 words by as many words of another language.

    The language is drawn for each stretch.
    """
    words = WORD.findall(text)
    mixed, foreign = [], rng.random() < 0.5
    i = 0
    while i < len(words):
        step = rng.randint(4, 16)
        if foreign:
            vocabulary = LANGUAGES[rng.choice(sorted(LANGUAGES))]
            mixed += [_other_word(word, rng.choice(vocabulary)) for word in words[i : i + step]]
        else:
            mixed += words[i : i + step]
        foreign = not foreign
        i += step
    return "".join(mixed)


def _other_word(word: str, other: str) -> str:
    """Return another word after the same white space."""
    return word[: len(word) - len(word.lstrip())] + other
