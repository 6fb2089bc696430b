"""Real text that every installation of this project carries, in two halves that never meet.

Training: `pydoc_data.topics` and the descriptions of most installed packages. Evaluation: the
descriptions of the other packages, and docstrings of the standard library.
"""

import ast
import hashlib
import pydoc_data.topics
import re
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

# One package family in so many is held out for evaluation.
HELD_OUT_ONE_IN = 4
SHORTEST, LONGEST = 400, 3000
# Two texts that share so many words in a row are not independent.
SHARED_WORDS = 13


@dataclass(frozen=True)
class Text:
    """A real document and where it is from."""

    source: str
    text: str


def training_texts() -> list[str]:
    """The text the tiny judge learns from."""
    topics = [clean(topic) for topic in pydoc_data.topics.topics.values()]
    return [text for text in topics + _descriptions(held_out=False) if len(text) >= SHORTEST]


def evaluation_documents() -> list[Text]:
    """Documents the tiny judge has never seen, sorted by source; none overlaps the training."""
    seen = shingles(training_texts())
    found = [*_held_out_documents(), *_docstrings()]
    kept: list[Text] = []
    for document in sorted(found, key=lambda d: d.source):
        mine = shingles([document.text])
        if not mine & seen:
            kept.append(document)
            seen |= mine  # nor two evaluation documents each other
    return kept


def shingles(texts: Iterable[str]) -> set[int]:
    """Hashes of every run of SHARED_WORDS words."""
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        for i in range(len(words) - SHARED_WORDS + 1):
            found.add(hash(tuple(words[i : i + SHARED_WORDS])))
    return found


def clean(text: str) -> str:
    """Prose out of Markdown and reStructuredText: no markup, code, tables, badges or bare links."""
    text = re.sub(r"```.*?```|~~~.*?~~~|<!--.*?-->", "\n", text, flags=re.S)
    text = re.sub(r"<[^>\n]+>", "", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|\[!\[.*?\]\(.*?\)\]\(.*?\)", "", text)
    text = re.sub(r"\[([^\]]+)\](\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"`([^`<]+?)\s*<[^>]+>`_+", r"\1", text)
    text = re.sub(r"(:\w+:)?`+([^`]*)`+_*", r"\2", text)
    lines = [line.rstrip() for line in text.splitlines() if _is_prose(line)]
    return re.sub(
        r"\n{3,}", "\n\n", "\n".join(re.sub(r"[*#]{1,6} ?", "", x) for x in lines)
    ).strip()


def _is_prose(line: str) -> bool:
    bare = line.strip()
    if not bare:
        return True
    markup = bare.startswith(("|", "..", ">>>", "$", "+--", "[", ":", "http"))
    return not markup and bool(re.search(r"[A-Za-z]{2}", bare)) and "://" not in bare


def _descriptions(*, held_out: bool) -> list[str]:
    return [text for _, text in _packages(held_out=held_out)]


def _packages(*, held_out: bool) -> Iterator[tuple[str, str]]:
    named = {}
    for distribution in distributions():
        metadata = distribution.metadata
        named[metadata["Name"].lower()] = str(metadata.get_payload() or "")  # type: ignore[attr-defined]
    for name in sorted(named):
        if _is_held_out(name) == held_out and name != "rm-ray" and name != "rm_ray":
            yield name, clean(named[name])


def _is_held_out(name: str) -> bool:
    # opentelemetry-api and opentelemetry-sdk share their boilerplate: a family is on one side
    family = re.split(r"[-_.]", name)[0].rstrip("0123456789")
    return hashlib.sha256(family.encode()).digest()[0] % HELD_OUT_ONE_IN == 0


def _held_out_documents() -> Iterator[Text]:
    for name, text in _packages(held_out=True):
        for i, piece in enumerate(_pieces(text)):
            if len(piece) >= SHORTEST and _mostly_words(piece):
                yield Text(f"package {name} {i:03d}", piece)


def _pieces(text: str) -> Iterator[str]:
    """Runs of whole paragraphs of at most LONGEST characters."""
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) + 2 > LONGEST:
            yield piece
            piece = ""
        piece = f"{piece}\n\n{paragraph}" if piece else paragraph[:LONGEST]
    yield piece


def _docstrings() -> Iterator[Text]:
    """Long docstrings of the standard library's modules and classes, read and never run."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted([*root.glob("*.py"), *root.glob("*/*.py")]):
        if "site-packages" in path.parts or "test" in str(path.relative_to(root)):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = clean(ast.get_docstring(node) or "")[:LONGEST]
                if len(text) >= SHORTEST and _mostly_words(text):
                    name = getattr(node, "name", "")
                    yield Text(f"stdlib {path.relative_to(root)} {name}".strip(), text)


def _mostly_words(text: str) -> bool:
    return sum(c.isalpha() or c.isspace() for c in text) > 0.85 * len(text)
