"""Ways to make text worse. Pure and seeded: the same text and seed give the same junk.

The tiny judge learns from the TRAINING kinds. The UNSEEN kinds are junk that web corpora really
hold. They were chosen beforehand and are never used in training.
"""

import random
import re
from collections.abc import Sequence

from rm_ray.pairs.worsen.kinds import WORSENED
from rm_ray.pairs.worsen.rearranged import Worsen


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


# Kinds that jobs/pairs.py makes as well.
TRAINING: dict[str, Worsen] = {
    name: WORSENED[name] for name in ("shuffled", "repeated", "noised", "spliced", "sampled")
}
UNSEEN: dict[str, Worsen] = {
    "mashed": mashed,
    "menu": menu,
    "misread": misread,
    "logged": logged,
    "backwards": backwards,
}
