"""Kinds that shuffle, repeat, replace or mix words, or draw words from a model."""

import random
import string
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

Worsen = Callable[[str, random.Random, Sequence[str]], str]


def shuffled(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Shuffle the words within spans of 5, 10, 20 or all words."""
    words = text.split(" ")
    span = rng.choice([5, 10, 20, len(words)])
    for i in range(0, len(words), span):
        piece = words[i : i + span]
        rng.shuffle(piece)
        words[i : i + span] = piece
    return " ".join(words)


def repeated(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Repeat one short passage up to the text's length."""
    words = text.split(" ")
    size = min(len(words), rng.randint(2, 16))
    start = rng.randrange(len(words) - size + 1)
    passage = " ".join(words[start : start + size]) + " "
    return (passage * (len(text) // len(passage) + 1))[: len(text)]


def noised(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """Replace between 15 and 60 percent of the words, or of the characters, at random."""
    share = rng.uniform(0.15, 0.6)
    if rng.random() < 0.5:
        pool = rng.choice(others).split(" ") if others else text.split(" ")
        words = [rng.choice(pool) if rng.random() < share else w for w in text.split(" ")]
        return " ".join(words)
    letters = string.ascii_lowercase + string.digits + " "
    return "".join(rng.choice(letters) if rng.random() < share else c for c in text)


def spliced(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """Take runs of 4 to 12 words from this text and from another text, in turns."""
    a, b = text.split(" "), (rng.choice(others) if others else text).split(" ")
    mixed: list[str] = []
    i = j = 0
    while i < len(a) and len(mixed) < len(a):
        step = rng.randint(4, 12)
        mixed += a[i : i + step]
        i += step
        step = rng.randint(4, 12)
        mixed += b[j % len(b) :][:step]
        j += step
    return " ".join(mixed)[: len(text)]


def sampled(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """Draw words from a bigram model of other texts at high temperature: locally plausible."""
    followers = _bigrams(tuple(others) or (text,))
    known_words = list(followers)
    word, words, length = rng.choice(known_words), [], 0
    while length < len(text):
        words.append(word)
        length += len(word) + 1
        # high temperature: a quarter of the draws ignore the word before
        word = rng.choice(
            known_words if rng.random() < 0.25 else followers.get(word) or known_words
        )
    return " ".join(words)[: len(text)]


@lru_cache(maxsize=2)
def _bigrams(texts: tuple[str, ...]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        words = text.split()
        for word, follower in pairwise(words):
            followers[word].append(follower)
    return dict(followers)
