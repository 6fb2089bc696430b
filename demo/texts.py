"""Real text that every installation of this project carries: what its packages say of themselves.

`packages.toml` names the packages of two sides, with their versions. The tiny judge learns from one
side and is evaluated on the other. Both sides are long docstrings and the packages' descriptions,
read and never run. A hash of each side tells when an environment has other texts.
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
# Two texts that share so many words in a row are not independent.
SHARED_WORDS = 13


@dataclass(frozen=True)
class Text:
    """A real document and where it is from."""

    source: str
    text: str


def evaluation_documents() -> list[Text]:
    """Documents the tiny judge has never seen, sorted by source; no two share a run of words."""
    kept = list(independent(_side("evaluate"), set()))
    _compare_hash("evaluate", kept)
    return kept


def training_documents() -> list[Text]:
    """Give the documents to learn from; none shares a run of words with an evaluation document."""
    seen = shingles(document.text for document in evaluation_documents())
    kept = [document for document in _side("train") if not shingles([document.text]) & seen]
    _compare_hash("train", kept)
    return kept


def independent(documents: Iterable[Text], seen: set[int]) -> Iterator[Text]:
    """The documents that share no run of words with `seen`, nor with one another."""
    for document in documents:
        mine = shingles([document.text])
        if not mine & seen:
            seen |= mine
            yield document


def shingles(texts: Iterable[str]) -> set[int]:
    """Hashes of every run of SHARED_WORDS words."""
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        for i in range(len(words) - SHARED_WORDS + 1):
            found.add(hash(tuple(words[i : i + SHARED_WORDS])))
    return found


def text_hash(documents: Iterable[Text]) -> str:
    """SHA-256 of the documents' sources and texts, in their order."""
    whole = hashlib.sha256()
    for document in documents:
        for part in (document.source, document.text):
            data = part.encode()
            whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


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


def _side(side: Side) -> Iterator[Text]:
    """The documents of a side's packages, each text once, sorted by package."""
    known: set[str] = set()
    for pin in _listed(side)["packages"]:
        package = _package(pin)
        for document in () if package is None else _documents(package):
            if document.text not in known:
                known.add(document.text)
                yield document


def _listed(side: Side) -> dict[str, Any]:
    """A side of the list: `packages`, as name==version, and `sha256`."""
    listed: dict[str, Any] = tomllib.loads(LIST.read_text())[side]
    return listed


def _package(pin: str) -> Distribution | None:
    """The package of a line of the list; None where it is not installed."""
    name, _, version = pin.partition("==")
    try:
        package = distribution(name)
    except PackageNotFoundError:
        log.warning("the texts of %s are missing: it is not installed", pin)
        return None
    if package.version.partition("+")[0] != version:
        log.warning("the texts are those of %s %s, not of %s", name, package.version, pin)
    return package


def _documents(package: Distribution) -> Iterator[Text]:
    name = package.metadata["Name"].lower()
    description = clean(str(package.metadata.get_payload() or ""))  # type: ignore[attr-defined]
    found = [(f"{name} {number:03d}", piece) for number, piece in enumerate(_pieces(description))]
    for path in sorted(package.files or [], key=str):
        if path.suffix == ".py" and "test" not in str(path):
            found += _docstrings(name, Path(str(package.locate_file(path))), str(path))
    for source, text in found:
        if len(text) >= SHORTEST and _mostly_words(text):
            yield Text(source, text)


def _docstrings(name: str, file: Path, path: str) -> Iterator[tuple[str, str]]:
    """The docstrings of a file's module, classes and functions, with where they stand."""
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
    """Runs of whole paragraphs of at most LONGEST characters."""
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
            "the texts of the side %r are not those that the README's figures were made with "
            "(sha256 %s, not %s); figures differ with them",
            side, found[:12], listed[:12],
        )  # fmt: skip
