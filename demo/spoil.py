"""Ways to make text worse. Pure and seeded: the same text and seed give the same junk.

TRAINING kinds teach the tiny judge; UNSEEN kinds were chosen beforehand as junk that web corpora
really hold, and are never used in training.
"""

import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

Spoiler = Callable[[str, random.Random, Sequence[str]], str]


def shuffled(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """The words in another order, in spans of 5 to all of them."""
    words = text.split(" ")
    span = rng.choice([5, 10, 20, len(words)])
    for i in range(0, len(words), span):
        piece = words[i : i + span]
        rng.shuffle(piece)
        words[i : i + span] = piece
    return " ".join(words)


def repeated(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """One short passage again and again, up to the text's length."""
    words = text.split(" ")
    size = min(len(words), rng.randint(2, 16))
    start = rng.randrange(len(words) - size + 1)
    passage = " ".join(words[start : start + size]) + " "
    return (passage * (len(text) // len(passage) + 1))[: len(text)]


def noised(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """Between 15 and 60 percent of the words, or of the characters, replaced at random."""
    share = rng.uniform(0.15, 0.6)
    if rng.random() < 0.5:
        pool = rng.choice(others).split(" ") if others else text.split(" ")
        words = [rng.choice(pool) if rng.random() < share else w for w in text.split(" ")]
        return " ".join(words)
    letters = string.ascii_lowercase + string.digits + " "
    return "".join(rng.choice(letters) if rng.random() < share else c for c in text)


def spliced(text: str, rng: random.Random, others: Sequence[str]) -> str:
    """Runs of 4 to 12 words of this text and of another, by turns."""
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
    """Words drawn from a bigram model of other texts at high temperature: locally plausible."""
    followers = _bigrams(tuple(others) or (text,))
    every = list(followers)
    word, words, length = rng.choice(every), [], 0
    while length < len(text):
        words.append(word)
        length += len(word) + 1
        # hot: a quarter of the draws ignore what came before
        word = rng.choice(every if rng.random() < 0.25 else followers.get(word) or every)
    return " ".join(words)[: len(text)]


def mashed(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Keyboard mash: every word replaced by neighbouring keys hit at random."""
    rows = ("asdfghjkl", "qwertyuiop", "zxcvbnm")

    def mash(match: re.Match[str]) -> str:
        row = rng.choice(rows)
        return "".join(rng.choice(row) for _ in match.group())

    return re.sub(r"\w+", mash, text)


def menu(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """A page's navigation: short titles in a list, with the links that every page has."""
    words = list(re.findall(r"[A-Za-z]{3,}", text)) or ["Home"]
    fixed = ["Home", "About us", "Contact", "Log in", "Sign up", "Privacy policy", "Read more",
             "Next page", "Share", "Cookies", "Terms of use", "Search", "FAQ"]  # fmt: skip
    glue = rng.choice([" | ", "\n* ", " » ", "\n- "])
    items: list[str] = []
    while sum(map(len, items)) + len(glue) * len(items) < len(text):
        start = rng.randrange(len(words))
        title = " ".join(words[start : start + rng.randint(1, 3)]).title()
        items.append(title if rng.random() < 0.6 else rng.choice(fixed))
    return glue.join(items)[: len(text)]


def misread(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Bad optical character recognition: look-alikes, lost and doubled spaces, split words."""
    alike = {"m": "rn", "w": "vv", "l": "1", "o": "0", "e": "c", "h": "li", "d": "cl", "i": "l",
             "s": "5", "B": "8", "u": "ii", "n": "ri", "a": "o", "t": "f", " ": ""}  # fmt: skip
    out = []
    for character in text:
        draw = rng.random()
        if draw < 0.22 and character in alike:
            out.append(alike[character])
        elif draw < 0.26 and character.isalpha():
            out.append(character + rng.choice(" .,'~^"))
        else:
            out.append(character)
    return "".join(out)[: len(text)]


def logged(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Machine output: time stamps, levels, addresses and counters, a word or two of the text."""
    words = re.findall(r"[a-z]{4,}", text) or ["item"]
    lines: list[str] = []
    while sum(map(len, lines)) + len(lines) < len(text):
        stamp = f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}"
        lines.append(
            f"{stamp}:{rng.randint(0, 59):02d} {rng.choice(['INFO', 'WARN', 'DEBUG'])} "
            f"[{rng.randint(0, 99999)}] {rng.choice(words)}={rng.random():.4f} "
            f"0x{rng.getrandbits(32):08x} {rng.choice(words)}"
        )
    return "\n".join(lines)[: len(text)]


def backwards(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Each sentence's words in reverse order."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return " ".join(" ".join(reversed(sentence.split())) for sentence in sentences)


TRAINING: dict[str, Spoiler] = {
    "shuffled": shuffled,
    "repeated": repeated,
    "noised": noised,
    "spliced": spliced,
    "sampled": sampled,
}
UNSEEN: dict[str, Spoiler] = {
    "mashed": mashed,
    "menu": menu,
    "misread": misread,
    "logged": logged,
    "backwards": backwards,
}


@lru_cache(maxsize=2)
def _bigrams(texts: tuple[str, ...]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        words = text.split()
        for word, follower in pairwise(words):
            followers[word].append(follower)
    return dict(followers)
