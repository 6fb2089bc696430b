"""How much came of a group, beside what usually comes and what would have been an alert."""

from collections.abc import Callable
from dataclasses import dataclass

from rm_ray.report.figures import Figures, Group, Level, Range
from rm_ray.report.show.formats import count, percent, short_count
from rm_ray.report.show.remarks import alerts_at, behind, expected_documents, why_not


@dataclass(frozen=True)
class Cell:
    """One figure of a group."""

    title: str
    """What is counted."""
    said: str
    """The figure of tonight."""
    beside: list[str]
    """What usually comes, and from where on a change is an alert."""
    reasons: str = ""
    """Why it is not more."""
    level: Level | None = None
    """Of the alert that speaks of it."""


def cells(figures: Figures, group: Group) -> list[Cell]:
    """Documents, tokens, tokens a document, and the share with a reward."""
    usual, many = group.usual, group.documents
    levels = _levels(figures, group)
    expected, each = expected_documents(group), group.tokens / many if many else None
    documents = _beside(usual.documents, count) or (
        [] if expected is None else [f"usually {count(expected)}"]
    )
    share = group.scored / many if many else None
    shares = _beside(usual.rewarded, percent, shares=True)
    came = levels.get("missing") or levels.get("new") or levels.get("volume")
    rewarded = levels.get("rewarded") or levels.get("failed")
    return [
        Cell(title="documents", said=count(many), beside=documents, level=came),
        Cell(
            title="tokens",
            said=short_count(group.tokens),
            beside=_beside(usual.tokens, short_count),
            level=_outside(usual.tokens, group.tokens, levels.get("tokens")),
        ),
        Cell(
            title="tokens a document",
            said=count(each),
            beside=_beside(usual.tokens_a_document, count),
            level=_outside(usual.tokens_a_document, each, levels.get("tokens")),
        ),
        Cell(
            title="with a reward",
            said=percent(share),
            beside=shares,
            reasons=why_not(group),
            level=rewarded,
        ),
    ]


def exceptions(figures: Figures, group: Group) -> str:
    """The nights behind a group's figures and what cannot be told of it, where that is not as it is
    for all documents; "" otherwise.
    """
    whole = figures.whole
    if group is whole:
        return ""
    pairs = [(behind(group), behind(whole)), (group.usual.remark or "", whole.usual.remark or "")]
    return "; ".join(mine for mine, theirs in pairs if mine and mine != theirs)


def _beside(usual: Range | None, said: Callable[[float], str], shares: bool = False) -> list[str]:
    if usual is None:
        return []
    return [f"usually {said(usual.expected)}", alerts_at(usual, said, shares)]


def _levels(figures: Figures, group: Group) -> dict[str, Level]:
    """The levels of the group's alerts by their rules."""
    key = None if group is figures.whole else group.name
    return {alert.rule: alert.level for alert in figures.verdict.alerts if alert.group == key}


def _outside(usual: Range | None, value: float | None, level: Level | None) -> Level | None:
    """The level, unless the figure is where it is no alert."""
    if usual is None or value is None:
        return level
    low, high = usual.low, usual.high
    past = (low is not None and value < low) or (high is not None and value > high)
    return level if past else None
