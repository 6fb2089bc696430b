"""Documents and tokens of a group, beside the usual counts and the limits of the alerts."""

from collections.abc import Callable
from dataclasses import dataclass

from rm_ray.report.figures import Figures, GroupFigures, Level, Range
from rm_ray.report.show.formats import count, percent, short_count
from rm_ray.report.show.remarks import alerts_at, behind, expected_documents, why_not


@dataclass(frozen=True)
class Cell:
    """One figure of a group, as a cell of the table."""

    title: str
    """Name of the figure."""
    said: str
    """The figure of tonight, in words."""
    beside: list[str]
    """The usual figure, and the limits beyond which the figure alerts."""
    reasons: str = ""
    """Why the figure is not higher."""
    level: Level | None = None
    """Level of the alert for this figure; None if there is none."""


def cells(figures: Figures, group: GroupFigures) -> list[Cell]:
    """Return the cells of a group: documents, tokens, tokens a document, share with a reward."""
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


def repeated(figures: Figures, group: GroupFigures) -> Cell | None:
    """Return the cell with the documents that came before; None if they were not looked for."""
    if figures.repeats is None or group.repeats is None:
        return None
    found = group.repeats
    about = "about " if found.margin else ""
    beside = [
        f"{about}{count(many)} {when}"
        for many, when in ((found.earlier, "on earlier nights"), (found.within, "twice tonight"))
        if many
    ]
    if found.margin:
        beside.append(f"± {count(found.margin)}")
    many = min(group.documents, found.earlier + found.within)
    return Cell(
        title="came before",
        said=percent(many / group.documents if group.documents else None),
        beside=beside,
        level=_levels(figures, group).get("repeated"),
    )


def exceptions(figures: Figures, group: GroupFigures) -> str:
    """Return a group's nights, and its remark, if they differ from those of all documents.

    "" if they do not differ.
    """
    whole = figures.whole
    if group is whole:
        return ""
    pairs = [(behind(group), behind(whole)), (group.usual.remark or "", whole.usual.remark or "")]
    return "; ".join(own for own, common in pairs if own and own != common)


def _beside(
    usual: Range | None, written: Callable[[float], str], shares: bool = False
) -> list[str]:
    if usual is None:
        return []
    return [f"usually {written(usual.expected)}", alerts_at(usual, written, shares)]


def _levels(figures: Figures, group: GroupFigures) -> dict[str, Level]:
    """Return the levels of the group's alerts by rule."""
    key = None if group is figures.whole else group.name
    return {alert.rule: alert.level for alert in figures.verdict.alerts if alert.group == key}


def _outside(usual: Range | None, value: float | None, level: Level | None) -> Level | None:
    """Return the level if the figure is past its limits, or if they are not known; else None."""
    if usual is None or value is None:
        return level
    low, high = usual.low, usual.high
    past = (low is not None and value < low) or (high is not None and value > high)
    return level if past else None
