"""The limits of a page: its size is bounded for every corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from markupsafe import escape

from rm_ray.report.figures import Figures, Shown

MOST_ALERTS, MOST_GROUPS, MOST_NIGHTS, MOST_THRESHOLDS, MOST_DOCUMENTS = 60, 200, 120, 200, 150
# Groups with alerts whose documents are shown.
MOST_ALERTED = 3
# Bytes of all texts in the page. The whole page may have two million.
MOST_TEXT = 800_000

T = TypeVar("T")


@dataclass(frozen=True)
class Left:
    """The parts of a report that its page leaves out."""

    alerts: int
    """Alerts left out."""
    groups: int
    """Groups left out."""
    text: int | None
    """Characters that each chunk is cut at; None if no chunk is cut."""


def capped(figures: Figures) -> tuple[Figures, Left]:
    """Return the figures that a page has room for: the first alerts and groups, the last nights."""
    documents, most = _fitting(figures.documents[:MOST_DOCUMENTS])
    verdict, mix, blind = figures.verdict, figures.mix, figures.blind
    shown: dict[str, Any] = {
        "verdict": verdict.model_copy(update={"alerts": verdict.alerts[:MOST_ALERTS]}),
        "groups": figures.groups[:MOST_GROUPS],
        "mix": mix and mix.model_copy(update={"groups": mix.groups[:MOST_GROUPS]}),
        "blind": blind and blind.model_copy(update={"groups": blind.groups[:MOST_GROUPS]}),
        "trend": figures.trend[-MOST_NIGHTS:],
        "retention": thinned(figures.retention, MOST_THRESHOLDS),
        "documents": documents,
        "alerted": figures.alerted[:MOST_ALERTED],
    }
    left = Left(
        alerts=len(verdict.alerts) - len(shown["verdict"].alerts),
        groups=len(figures.groups) - len(shown["groups"]),
        text=most,
    )
    return figures.model_copy(update=shown), left


def thinned(of: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, at even steps, the first and the last included."""
    if len(of) <= most:
        return list(of)
    return [of[round(at * (len(of) - 1) / (most - 1))] for at in range(most)]


def _fitting(documents: list[Shown]) -> tuple[list[Shown], int | None]:
    longest = max((len(chunk.text) for each in documents for chunk in each.chunks), default=0)
    most = longest
    while most > 8 and sum(map(_bytes, documents)) > MOST_TEXT:
        most //= 2
        documents = [_cut(each, most) for each in documents]
    return documents, most if most < longest else None


def _bytes(shown: Shown) -> int:
    return sum(
        len(escape(chunk.text).encode(errors="replace")) + 160 for chunk in shown.chunks[:64]
    )


def _cut(shown: Shown, most: int) -> Shown:
    kept = [
        chunk.model_copy(update={"text": chunk.text[: most - 1] + "…"})
        if len(chunk.text) > most
        else chunk
        for chunk in shown.chunks[:64]
    ]
    left = shown.chunks_left + len(shown.chunks) - len(kept)
    return shown.model_copy(update={"chunks": kept, "chunks_left": left})
