"""The charts of rewards and groups. Each is a pure function from the figures to inline SVG.

All groups share one chart. So the page stays small, and quick to draw.
"""

from typing import Any

from markupsafe import Markup

from rm_ray.report.figures import Alert, Distribution, Figures, GroupFigures
from rm_ray.report.show import svg
from rm_ray.report.show.formats import chance, name, number, quantile
from rm_ray.report.show.remarks import not_sure
from rm_ray.report.show.svg import above, axes, drawn, percent_tick, stand_ins, ticks

# Number of the largest groups, which a chart shows; its table has all groups.
MOST_GROUPS = 40
ROW = 24
# Margins, in pixels, of a chart with a row for each group. The group's name is in the left margin;
# it has so many columns.
_LEFT, _RIGHT, _TOP, _BOTTOM, _COLUMNS = 122, 12, 6, 44, 16
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEVELS = {"warn": ("^", svg.WARN, 8), "fail": ("X", svg.FAIL, 9)}


def distribution(figures: Figures) -> Markup | None:
    """Draw tonight's rewards as a filled histogram, the baseline's as an outline.

    None if neither has rewards.
    """
    whole, edges = figures.whole, figures.edges
    if len(edges) < 2 or not (any(whole.histogram) or any(whole.baseline_histogram or ())):
        return None

    def draw(figure: Any) -> None:
        on = axes(figure, left=46, right=10, top=26, bottom=44)
        if any(whole.histogram):
            on.stairs(whole.histogram, edges, fill=True, color=svg.TONIGHT, lw=0)
        if whole.baseline_histogram:
            on.stairs(whole.baseline_histogram, edges, color=svg.BASELINE, lw=2, baseline=None)
        on.set_ylim(bottom=0)
        on.grid(axis="y")
        ticks(on.xaxis, most=8)
        ticks(on.yaxis, percent_tick, 4)
        on.set_xlabel("reward")
        above(figure, f"share of the documents, in steps of {number(edges[1] - edges[0])}")

    return drawn(
        "dist", "Rewards of all documents", described=_compared(whole), height=250, draw=draw
    )


def strips(figures: Figures) -> Markup | None:
    """Draw the range of most rewards of each group, tonight and before; None without groups."""
    groups = [g for g in figures.groups[:MOST_GROUPS] if g.tonight or g.baseline]
    if not groups:
        return None

    def draw(figure: Any) -> None:
        on = _rows(figure, len(groups))
        for at, group in enumerate(groups):
            apart = 4 / ROW if group.tonight and group.baseline else 0
            if group.baseline:
                _strip(on, at + apart, of=group.baseline, color=svg.BASELINE, middle=svg.PAPER)
            if group.tonight:
                _strip(on, at - apart, of=group.tonight, color=svg.TONIGHT, middle=svg.TONIGHT)
        ticks(on.xaxis)
        on.set_xlabel("reward")

    told = "; ".join(f"{name(group.name, 40)}: {_compared(group)}" for group in groups[:5])
    described = f"{told}{' …' if len(groups) > 5 else ''} The table has every group."
    names = [name(group.name, _COLUMNS) for group in groups]
    return drawn(
        "strips",
        "Rewards by group",
        described=described,
        height=_height(len(groups)),
        draw=draw,
        names=names,
    )


def drift(figures: Figures) -> Markup | None:
    """Draw the distance of each group from the baseline, beside the distance that chance makes.

    All documents come first, then the groups by distance, and last the groups of which nothing can
    be told. None if nothing is compared.
    """
    compared = [g for g in figures.groups[:MOST_GROUPS] if g.drift or g.untold]
    compared.sort(key=lambda group: -group.drift.wasserstein.effect if group.drift else 1.0)
    rows: list[tuple[str, str | None, GroupFigures]] = []
    if figures.whole.drift or figures.whole.untold:
        rows = [("all documents", None, figures.whole)]
    rows += [(group.name, group.name, group) for group in compared]
    if not rows:
        return None
    alerts = {a.group: a for a in figures.verdict.alerts if a.rule == "drift"}

    def draw(figure: Any) -> None:
        on = _rows(figure, len(rows))
        for at, (_, key, group) in enumerate(rows):
            _effect(on, at, group=group, alert=alerts.get(key), unsure=not_sure(figures, group))
        on.axvline(figures.drift_above, color=svg.INK, lw=1.5)
        on.set_xlim(left=0)
        for at, (_, _, group) in enumerate(rows):
            _label(on, at, group, not_sure(figures, group))
        ticks(on.xaxis)
        on.set_xlabel("distance, in sd of the baseline")

    told = "; ".join(
        f"{name(shown, 40)}: {number(group.drift.wasserstein.effect)}, by chance up to "
        f"{number(group.drift.wasserstein.floor)}{_unsure(figures, group)}"
        if group.drift
        else f"{name(shown, 40)}: cannot be told"
        for shown, _, group in rows[:6]
    )
    described = f"{told}{' …' if len(rows) > 6 else '.'}"
    names = [name(shown, _COLUMNS) for shown, _, _ in rows]
    return drawn(
        "drift",
        "Distance from the baseline",
        described=described,
        height=_height(len(rows)),
        draw=draw,
        names=names,
    )


def _unsure(figures: Figures, group: GroupFigures) -> str:
    if not (group.drift and not_sure(figures, group)):
        return ""
    return f", beyond chance, not sure enough (p {chance(group.drift.wasserstein.p)})"


def _compared(group: GroupFigures) -> str:
    tonight, baseline = (
        f"median {number(quantile(of.quantiles, 0.5))}, 90% of the documents from "
        f"{number(quantile(of.quantiles, 0.05))} to {number(quantile(of.quantiles, 0.95))}"
        if of
        else "none"
        for of in (group.tonight, group.baseline)
    )
    return f"tonight {tonight}; baseline {baseline}."


def _height(rows: int) -> float:
    return _TOP + _BOTTOM + ROW * rows


def _rows(figure: Any, rows: int) -> Any:
    """Make axes with a row for each name, the first on top."""
    on = axes(figure, left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM)
    on.set_ylim(rows - 0.5, -0.5)
    on.set_yticks(range(rows), stand_ins(rows))
    on.tick_params(axis="y", labelcolor=svg.INK, pad=6)
    on.grid(axis="x")
    for at in range(1, rows, 2):
        on.axhspan(at - 0.5, at + 0.5, color=svg.GRID, alpha=0.35, lw=0, zorder=0)
    return on


def _strip(on: Any, at: float, of: Distribution, color: str, middle: str) -> None:
    values = [quantile(of.quantiles, share) for share in _SHARES]
    if None in values:
        return
    low, lower, median, upper, high = values
    on.plot((low, high), (at, at), color=color, lw=1.5)
    on.plot((lower, upper), (at, at), color=color, lw=5)
    on.plot(median, at, "o", color=middle, mec=color, mew=2, ms=7)


def _effect(on: Any, at: int, group: GroupFigures, alert: Alert | None, unsure: bool) -> None:
    if not group.drift:
        return
    measure = group.drift.wasserstein
    on.barh(at, measure.floor, 0.56, color=svg.BAND, lw=0)
    marker, color, size = LEVELS[alert.level] if alert else ("o", svg.TONIGHT, 8)
    edge = {"mfc": svg.PAPER, "mew": 2, "mec": color} if unsure else {"mew": 0}
    on.plot(measure.effect, at, marker, color=color, ms=size, clip_on=False, zorder=4, **edge)


def _label(on: Any, at: int, group: GroupFigures, unsure: bool) -> None:
    """Write in a row that nothing can be told, or the p of an effect beyond chance but no alert."""
    if group.drift and not unsure:
        return
    text, place, color = "cannot be told", 0.0, svg.MUTED
    if group.drift:
        measure = group.drift.wasserstein
        text, place, color = f"p {chance(measure.p)}", measure.effect, svg.INK
    right = place < 0.7 * on.get_xlim()[1]
    on.annotate(
        text,
        (place, at),
        (10 if right else -10, 0),
        textcoords="offset points",
        va="center",
        ha="left" if right else "right",
        color=color,
        zorder=5,
        bbox={"facecolor": svg.PAPER, "edgecolor": "none", "pad": 1},
    )
