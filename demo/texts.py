"""Real text that every installation has: the docstrings and descriptions of installed packages.

`packages.toml` lists the packages of two sides, with their versions. The tiny judge learns from one
side and is evaluated on the other. The packages are read and never run. A hash of each side shows
if an environment has other texts.
"""

import ast
import hashlib
import logging
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

log = logging.getLogger(__name__)

LIST = Path(__file__).with_name("packages.toml")
Side = Literal["train", "evaluate"]
SHORTEST, LONGEST = 400, 3000
# Two texts that share this many words in a row are not independent.
SHARED_WORDS = 13


@dataclass(frozen=True)
class Text:
    """A Text is a real document and its origin."""

    source: str
    """The package, and the file and line or the number of the piece."""
    text: str
    """The document."""


def evaluation_documents() -> list[Text]:
    """Return documents that the tiny judge has never seen, by source; no two share a run of
    words.
    """
    kept = list(independent(_side("evaluate"), set()))
    _compare_hash("evaluate", kept)
    return kept


def training_documents() -> list[Text]:
    """Return the documents to learn from; none shares a run of words with an evaluation
    document.
    """
    seen = shingles(document.text for document in evaluation_documents())
    kept = [document for document in _side("train") if not shingles([document.text]) & seen]
    _compare_hash("train", kept)
    return kept


def independent(documents: Iterable[Text], seen: set[int]) -> Iterator[Text]:
    """Yield the documents that share no run of words with `seen`, nor with one another."""
    for document in documents:
        own = shingles([document.text])
        if not own & seen:
            seen |= own
            yield document


def shingles(texts: Iterable[str]) -> set[int]:
    """Return the hashes of every run of SHARED_WORDS words."""
    hashes = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        for i in range(len(words) - SHARED_WORDS + 1):
            hashes.add(hash(tuple(words[i : i + SHARED_WORDS])))
    return hashes


def text_hash(documents: Iterable[Text]) -> str:
    """Return the SHA-256 of the documents' sources and texts, in their order."""
    whole = hashlib.sha256()
    for document in documents:
        for part in (document.source, document.text):
            data = part.encode()
            whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


def clean(text: str) -> str:
    """Strip Markdown and reStructuredText to prose: no markup, code, tables, badges or bare
    links.
    """
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


def _side(side: Side) -> Iterator[Text]:
    """Yield the documents of a side's packages, each text once, sorted by package."""
    known: set[str] = set()
    for pin in _listed(side)["packages"]:
        package = _package(pin)
        for document in () if package is None else _documents(package):
            if document.text not in known:
                known.add(document.text)
                yield document


def _listed(side: Side) -> dict[str, Any]:
    """Return a side of the list: `packages`, as name==version, and `sha256`."""
    listed: dict[str, Any] = tomllib.loads(LIST.read_text())[side]
    return listed


def _package(pin: str) -> Distribution | None:
    """Return the package of a line of the list; None if it is not installed."""
    name, _, version = pin.partition("==")
    try:
        package = distribution(name)
    except PackageNotFoundError:
        log.warning("the texts of %s are missing: it is not installed", pin)
        return None
    if package.version.partition("+")[0] != version:
        log.warning("the texts are from %s %s, not from %s", name, package.version, pin)
    return package


def _documents(package: Distribution) -> Iterator[Text]:
    name = package.metadata["Name"].lower()
    description = clean(str(package.metadata.get_payload() or ""))  # type: ignore[attr-defined]
    pieces = [(f"{name} {number:03d}", piece) for number, piece in enumerate(_pieces(description))]
    for path in sorted(package.files or [], key=str):
        if path.suffix == ".py" and "test" not in str(path):
            pieces += _docstrings(name, Path(str(package.locate_file(path))), str(path))
    for source, text in pieces:
        if len(text) >= SHORTEST and _mostly_words(text):
            yield Text(source, text)


def _docstrings(name: str, file: Path, path: str) -> Iterator[tuple[str, str]]:
    """Yield the docstrings of a file's module, classes and functions, with their names and
    lines.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = clean(ast.get_docstring(node) or "")[:LONGEST]
            line = getattr(node, "lineno", 0)
            yield f"{name} {path} {line}", text


def _pieces(text: str) -> Iterator[str]:
    """Yield runs of whole paragraphs, of at most LONGEST characters."""
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + len(paragraph) + 2 > LONGEST:
            yield piece
            piece = ""
        piece = f"{piece}\n\n{paragraph}" if piece else paragraph[:LONGEST]
    yield piece


def _mostly_words(text: str) -> bool:
    return sum(c.isalpha() or c.isspace() for c in text) > 0.85 * len(text)


def _compare_hash(side: Side, documents: Iterable[Text]) -> None:
    listed, found = _listed(side)["sha256"], text_hash(documents)
    if listed != found:
        log.warning(
            "the README's figures were made with other texts of the side %r, so figures differ "
            "(these have sha256 %s, the README's %s)",
            side, found[:12], listed[:12],
        )  # fmt: skip
