"""Lines that are doubled, lost, broken elsewhere, or framed by those of a page."""

import random
import re
from collections.abc import Sequence
from itertools import pairwise

from rm_ray.pairs.worsen.phrases import PAGE_LINES

# The ends of lines, blank ones going with the line before; and where a text has too few of these,
# the ends of sentences.
LINE = re.compile(r"(?<=\n)(?=[^\S\n]*\S)")
SENTENCE = re.compile(r"(?<=[.!?;:])(?=\s)|(?<=[。！？])")
# A text without ends of either kind is cut after so many words.
WORDS = re.compile(r"(?:\S*\s+){12}")
FEWEST = 3


def doubled_lines(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Each line is there twice, one right after the other, with a chance of 60%; one at least is.

    A text of fewer than three lines is cut into sentences, and one of fewer than three sentences
    after every twelfth word.
    """
    lines = pieces_of(text)
    twice = [rng.random() < 0.6 for _ in lines]
    twice[rng.randrange(len(lines))] = True
    return "".join(
        f"{_ended(line)}{line}" if double else line
        for line, double in zip(lines, twice, strict=True)
    )


def missing_lines(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Each line is left out with a chance of 40%; one at least is, and one at least stays.

    Lines are those of `doubled_lines`.
    """
    lines = pieces_of(text)
    kept = [rng.random() >= 0.4 for _ in lines]
    if len(lines) > 1:
        lost, stays = rng.sample(range(len(lines)), 2)
        kept[lost], kept[stays] = False, True
    return "".join(line for line, keep in zip(lines, kept, strict=True) if keep) or text


def boilerplate(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """One to three whole lines that any page has (sharing, consent, subscriptions, rights) stand
    before the text, and one to three after every one to three of its sentences.
    """
    sentences = [one for one in SENTENCE.split(text) if one]
    parts: list[str] = []
    while sentences:
        parts.append("\n".join(rng.sample(PAGE_LINES, rng.randint(1, 3))))
        step = rng.randint(1, 3)
        parts.append("".join(sentences[:step]).strip())
        sentences = sentences[step:]
    return "\n".join(part for part in parts if part) or text


def line_ends(text: str, rng: random.Random, others: Sequence[str]) -> str:  # noqa: ARG001
    """Line breaks are where they do not belong, in one of three ways, drawn once: every line is
    broken hard after 10 to 34 characters, inside words; each space between two words is a line
    break with a chance of 30%; or all line breaks are lost, and the words beside them, and every
    fifth pair of words elsewhere, run together.
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
    """Cut a text into its lines, else its sentences, else stretches of words; they make it up."""
    for pattern in (LINE, SENTENCE):
        pieces = [piece for piece in pattern.split(text) if piece]
        if len(pieces) >= FEWEST:
            return pieces
    ends = [match.end() for match in WORDS.finditer(text)]
    cuts = [0, *(end for end in ends if end < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(cuts)] or [text]


def _ended(line: str) -> str:
    """The line with white space at one of its ends, where its script has some between words."""
    apart = line[-1:].isspace() or line[:1].isspace() or line[-1:] in "。！？"
    return line if apart else f"{line} "
