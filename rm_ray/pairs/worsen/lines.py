"""Kinds that double, drop or break lines, or add lines that web pages have."""

import random
import re
from collections.abc import Sequence
from itertools import pairwise

from rm_ray.pairs.worsen.phrases import PAGE_LINES

# The ends of lines, with blank lines joined to the line before. SENTENCE, the ends of sentences, is
# for texts with too few lines.
LINE = re.compile(r"(?<=\n)(?=[^\S\n]*\S)")
SENTENCE = re.compile(r"(?<=[.!?;:])(?=\s)|(?<=[。！？])")
# A text with too few lines and sentences is cut after every twelfth word.
WORDS = re.compile(r"(?:\S*\s+){12}")
FEWEST = 3


def doubled_lines(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Repeat each line directly after itself with a chance of 60%, and at least one line.

    A text of fewer than three lines is cut into sentences. A text of fewer than three sentences is
    cut after every twelfth word.
    """
    lines = pieces_of(text)
    twice = [rng.random() < 0.6 for _ in lines]
    twice[rng.randrange(len(lines))] = True
    return "".join(
        f"{_ended(line)}{line}" if double else line
        for line, double in zip(lines, twice, strict=True)
    )


def missing_lines(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Drop each line with a chance of 40%; drop at least one line, and keep at least one.

    Lines are defined as in `doubled_lines`.
    """
    lines = pieces_of(text)
    kept = [rng.random() >= 0.4 for _ in lines]
    if len(lines) > 1:
        lost, stays = rng.sample(range(len(lines)), 2)
        kept[lost], kept[stays] = False, True
    return "".join(line for line, keep in zip(lines, kept, strict=True) if keep) or text


def boilerplate(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Add whole lines that any web page has (sharing, consent, subscriptions, rights).

    One to three lines stand before the text, and one to three after every one to three sentences.
    """
    sentences = [sentence for sentence in SENTENCE.split(text) if sentence]
    parts: list[str] = []
    while sentences:
        parts.append("\n".join(rng.sample(PAGE_LINES, rng.randint(1, 3))))
        step = rng.randint(1, 3)
        parts.append("".join(sentences[:step]).strip())
        sentences = sentences[step:]
    return "\n".join(part for part in parts if part) or text


def line_ends(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Misplace line breaks, in one of three ways that is drawn once for the text.

    Every line is broken after a fixed number of 10 to 34 characters, also inside words. Or each
    space between two words becomes a line break with a chance of 30%. Or all line breaks are lost,
    so that the words beside these run together, and elsewhere one in five pairs of words.
    """
    way = rng.randrange(3)
    if way == 0:
        width = rng.randint(10, 34)
        return "\n".join(
            line[i : i + width] for line in text.split("\n") for i in range(0, len(line), width)
        )
    if way == 1:
        return re.sub(" +", lambda space: "\n" if rng.random() < 0.3 else space.group(), text)
    joined = re.sub(r"\s*\n\s*", "", text)
    return re.sub(" +", lambda space: "" if rng.random() < 0.2 else space.group(), joined)


def pieces_of(text: str) -> list[str]:
    """Cut a text into lines, else sentences, else stretches of words; joined, they are the text."""
    for pattern in (LINE, SENTENCE):
        pieces = [piece for piece in pattern.split(text) if piece]
        if len(pieces) >= FEWEST:
            return pieces
    ends = [match.end() for match in WORDS.finditer(text)]
    cuts = [0, *(end for end in ends if end < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(cuts)] or [text]


def _ended(line: str) -> str:
    """Return the line with white space at one end, if its script has white space between words."""
    apart = line[-1:].isspace() or line[:1].isspace() or line[-1:] in "。！？"
    return line if apart else f"{line} "
