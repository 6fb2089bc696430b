"""The charts of an evaluation: pure functions from figures to inline SVG."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from rm_ray.evaluate.figures import Calibrated, GroupAccuracy, Reliability
from rm_ray.evaluate.words import between, main_figure
from rm_ray.report.show import svg
from rm_ray.report.show.formats import name
from rm_ray.report.show.svg import axes, drawn, percent_tick, stand_ins, ticks

ROW, MOST_ROWS = 24, 40
_LEFT, _RIGHT, _TOP, _BOTTOM, _COLUMNS = 128, 26, 6, 44, 17
SHAPES = {"raw": ("o", svg.BASELINE), "isotonic": ("s", svg.TONIGHT), "platt": ("^", svg.SECOND)}


def intervals(
    ident: str, title: str, groups: Sequence[GroupAccuracy], below: float, of: str
) -> Markup | None:
    """Draw each group's main figure with its interval; return None if no group has one."""
    rows = [(group, found) for group in groups if (found := main_figure(group))][:MOST_ROWS]
    if not rows:
        return None

    def draw(figure: Any) -> None:
        on = axes(figure, left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM)
        on.set_ylim(len(rows) - 0.5, -0.5)
        on.set_yticks(range(len(rows)), stand_ins(len(rows)))
        on.tick_params(axis="y", labelcolor=svg.INK, pad=6)
        on.grid(axis="x")
        on.axvline(below, color=svg.MUTED, lw=1.5, ls=(0, (4, 3)))
        on.axvline(0.5, color=svg.INK, lw=1.5)
        for at, (group, found) in enumerate(rows):
            color = svg.FAIL if group.blind else svg.BASELINE if group.few else svg.TONIGHT
            on.plot((found.low, found.high), (at, at), color=color, lw=2.5)
            on.plot(found.value, at, "o", ms=7, color=color, clip_on=False, zorder=4)
        low = min(0.45, *(found.low for _, found in rows))
        on.set_xlim(max(0.0, low - 0.02), 1.0)
        ticks(on.xaxis, percent_tick)
        on.set_xlabel(of)

    listed = "; ".join(f"{name(group.name, 40)}: {between(found)}" for group, found in rows[:8])
    return drawn(
        ident,
        title,
        described=f"{listed}{' …' if len(rows) > 8 else '.'}",
        height=_TOP + _BOTTOM + ROW * len(rows),
        draw=draw,
        names=[name(group.name, _COLUMNS) for group, _ in rows],
    )


def reliability(of: Calibrated) -> Markup:
    """Draw the share of good texts against the predicted probability, for each method."""

    def draw(figure: Any) -> None:
        on = axes(figure, left=52, right=26, top=10, bottom=44)
        on.plot((0, 1), (0, 1), color=svg.MUTED, lw=1.5, ls=(0, (4, 3)))
        for diagram in of.diagrams:
            marker, color = SHAPES[diagram.method]
            places = [(each.said, each.good) for each in diagram.bins]
            on.plot(*zip(*places, strict=True), color=color, lw=1.5, zorder=3)
            on.plot(
                *zip(*places, strict=True),
                marker,
                color=color,
                ms=6,
                mew=0,
                clip_on=False,
                zorder=4,
            )
        on.set_xlim(0, 1)
        on.set_ylim(0, 1)
        on.grid()
        ticks(on.xaxis, percent_tick)
        ticks(on.yaxis, percent_tick)
        on.set_xlabel("predicted probability")
        on.set_ylabel("share of good texts")

    described = "; ".join(f"{diagram.method}: error {diagram.ece:.3f}" for diagram in of.diagrams)
    return drawn("reliable", "Reliability", described=f"{described}.", height=320, draw=draw)


def method_name(of: Reliability) -> str:
    """Return a method's name for the page."""
    return {"raw": "the rewards as they are", "platt": "Platt"}.get(of.method, of.method)
