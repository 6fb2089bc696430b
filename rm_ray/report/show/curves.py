"""The curves of a report: over nights, over thresholds, over lengths of documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from markupsafe import Markup
from matplotlib.ticker import NullLocator

from rm_ray.report.figures import Figures, Rule, TrendNight
from rm_ray.report.show import svg
from rm_ray.report.show.charts import LEVELS
from rm_ray.report.show.formats import (
    clip,
    count,
    exact,
    name,
    number,
    percent,
    quantile,
    short_count,
)
from rm_ray.report.show.svg import above, axes, drawn, percent_tick, stand_ins, ticks

# Width and height of a sparkline, in pixels. Pixels of the left margin of the nights' chart, of a
# row of marks in it, and of the space above these rows.
_SPARK = (110, 20)
LEFT, LANE, LANES_ABOVE = 64, 18, 28
# With so few nights the first and the last lie far from the edges, and labels are centred.
FEW = 4
# Markers of the rules' alerts.
MARKS: dict[str, str] = {
    "drift": "o",
    "spread": "d",
    "mean": "s",
    "creep": ">",
    "volume": "v",
    "tokens": "P",
    "rewarded": "h",
    "failed": "X",
    "missing": "p",
    "new": "*",
    "repeated": "D",
}


@dataclass(frozen=True)
class PlottedCurve:
    """The retention curve."""

    svg: Markup
    """The drawing."""
    places: tuple[float, ...]
    """Pixels from the left of each threshold, in the order of `Figures.retention`."""
    chosen: float
    """Pixels from the left of the movable mark as it is drawn."""


def rules_of(nights: Sequence[TrendNight]) -> list[str]:
    """Return the rules that alerted on any of these nights, in the order of `Rule`."""
    rules = {rule_of(alert) for night in nights for alert in night.alerts}
    return [rule for rule in get_args(Rule) if rule in rules]


def rule_of(alert: str) -> str:
    """Return the rule of a night's alert (GROUP: RULE)."""
    return alert.rpartition(": ")[2]


def trend(figures: Figures) -> Markup | None:
    """Draw the nights in three panels. None if there is no night.

    The first panel has the median and the middle 80% of the rewards. The second has a row for each
    rule, with a mark for each night on which it alerted. The third has the number of documents,
    with and without a reward.
    """
    nights = figures.trend
    if not nights:
        return None
    rules = rules_of(nights)
    lanes = LANE * len(rules) + (LANES_ABOVE if rules else 0)
    height = 290 + lanes

    def draw(figure: Any) -> None:
        on = axes(figure, left=LEFT, right=14, top=26, bottom=116 + lanes)
        below = axes(figure, left=LEFT, right=14, top=202 + lanes, bottom=26)
        _rewards(on, nights)
        _documents(below, nights)
        panels = [on, below]
        if rules:
            between = axes(figure, left=LEFT, right=14, top=174 + LANES_ABOVE, bottom=116)
            _lanes(between, nights, rules)
            panels.append(between)
            above(figure, "alerts, by rule", 174 + LANES_ABOVE - 8)
        for each in panels:
            each.set_xlim(-0.7, len(nights) - 0.3)
            each.xaxis.set_ticks([])
        below.set_xticks(shown, stand_ins(len(shown)))
        places = ("center",) * len(shown) if len(nights) <= FEW else _places(len(shown))
        for label, place in zip(below.get_xticklabels(), places, strict=True):
            label.set_horizontalalignment(place)
        above(figure, "reward: the median, and the middle 80%")
        above(figure, "documents", 194 + lanes)

    shown = sorted({0, len(nights) // 2, len(nights) - 1})
    names = [name(nights[at].night, 12) for at in shown]
    return drawn(
        "trend",
        "Rewards over the nights",
        described=_told(nights, rules),
        height=height,
        draw=draw,
        names=names,
    )


def _told(nights: Sequence[TrendNight], rules: Sequence[str]) -> str:
    """Describe the chart of the nights in words."""
    last, empty = nights[-1], sum(not night.scored for night in nights)
    middle = quantile(last.quantiles, 0.5)
    median = "no reward" if middle is None else f"median {number(middle)}"
    by_rule = [
        (rule, sum(rule in map(rule_of, night.alerts) for night in nights)) for rule in rules
    ]
    alerted = ", ".join(f"{rule} on {many}" for rule, many in by_rule) or "none"
    return (
        f"{len(nights)} nights. The last, {clip(last.night, 40)}: {median}, "
        f"{count(last.documents)} documents. Nights with alerts, by rule: {alerted}. "
        f"Nights without a reward: {empty}."
    )


def retention(figures: Figures, chosen: float) -> PlottedCurve | None:
    """Draw the shares of documents and tokens that each threshold keeps; None without rewards.

    Args:
        figures: of the report.
        chosen: the threshold at which the movable mark is drawn.
    """
    kept, whole = figures.retention, figures.whole.tonight
    if not kept or not whole:
        return None
    places: list[float] = []

    def draw(figure: Any) -> None:
        on = axes(figure, left=46, right=14, top=26, bottom=44)
        at = [each.threshold for each in kept]
        documents = [each.documents / max(1, whole.documents) for each in kept]
        on.plot(at, documents, color=svg.TONIGHT, lw=2.5)
        tokens = [each.tokens / max(1, whole.tokens) for each in kept]
        on.plot(at, tokens, color=svg.SECOND, lw=2.5, ls=(0, (3, 1.5)))
        on.set_ylim(0, 1.02)
        on.grid(axis="y")
        if figures.cut is not None:
            on.axvline(figures.cut, color=svg.MUTED, lw=1.5, ls=(0, (2, 2)))
        on.axvline(chosen, color=svg.INK, lw=2, gid="chosen")
        ticks(on.xaxis, exact, 8)
        ticks(on.yaxis, percent_tick)
        on.set_xlabel("threshold: the lowest reward that is kept")
        above(figure, "share kept")
        places.extend(float(on.transData.transform((each, 0))[0]) for each in (*at, chosen))

    half = min(kept, key=lambda each: abs(each.documents - whole.documents / 2))
    described = (
        f"A threshold of {exact(half.threshold, figures.kind)} keeps "
        f"{percent(half.documents / max(1, whole.documents))} of the documents and "
        f"{percent(half.tokens / max(1, whole.tokens))} of the tokens."
    )
    drawing = drawn("kept", "What each threshold keeps", described=described, height=260, draw=draw)
    return PlottedCurve(
        drawing, tuple(round(place, 1) for place in places[:-1]), round(places[-1], 1)
    )


def lengths(figures: Figures) -> Markup | None:
    """Draw the median reward of short to long documents; None if it is not known."""
    if not figures.blind or len(figures.blind.length_medians) < 2:
        return None
    medians = [(max(1.0, tokens), reward) for tokens, reward in figures.blind.length_medians]

    def draw(figure: Any) -> None:
        on = axes(figure, left=46, right=22, top=26, bottom=44)
        on.plot(*zip(*medians, strict=True), color=svg.TONIGHT, lw=2, marker="o", ms=6)
        on.set_xscale("log")
        on.xaxis.set_minor_locator(NullLocator())
        shown = [medians[0][0], medians[len(medians) // 2][0], medians[-1][0]]
        on.set_xticks(shown, [short_count(tokens) for tokens in shown])
        on.grid(axis="y")
        on.margins(y=0.15)
        ticks(on.yaxis)
        on.set_xlabel("tokens of the document")
        above(figure, "median reward")

    (short, low), (long, high) = medians[0], medians[-1]
    described = (
        f"The tenth with the shortest documents ({count(short)} tokens) has a median of "
        f"{number(low)}, that with the longest ({count(long)} tokens) {number(high)}."
    )
    return drawn("lengths", "Reward by length", described=described, height=210, draw=draw)


def spark(values: Sequence[float | None], span: float) -> Markup:
    """Draw a line without axes, for a table that has the last value in another column.

    Args:
        values: a value for each night; None leaves a gap.
        span: the range of values that the line's height stands for, around the median.
    """
    width, height = _SPARK
    known = sorted(value for value in values if value is not None)
    if not known or span <= 0:
        return Markup("")
    middle, step = known[len(known) // 2], width / max(1, len(values) - 1)
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        down = height / 2 - (value - middle) / span * height
        pieces[-1].append(f"{at * step:.1f} {min(height - 1.0, max(1.0, down)):.1f}")
    path = "".join("M" + "L".join(piece) for piece in pieces if piece)
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<path d="{path}"/></svg>'
    )


def _rewards(on: Any, nights: Sequence[TrendNight]) -> None:
    """Draw the band and the line of the medians.

    A night without a reward has a dashed vertical line, and its mark at the foot.
    """
    low, middle, high = (
        [_or_gap(quantile(night.quantiles, share)) for night in nights] for share in (0.1, 0.5, 0.9)
    )
    at = range(len(nights))
    on.fill_between(at, low, high, color=svg.BAND, lw=0)
    on.plot(at, middle, color=svg.TONIGHT, lw=2, marker=".", ms=5)
    on.grid(axis="y")
    ticks(on.yaxis)
    empty = [i for i in at if math.isnan(middle[i])]
    for i in empty:
        on.axvline(i, color=svg.MUTED, lw=1.5, ls=(0, (3, 2)))
    for level, (marker, color, size) in LEVELS.items():
        style = {"color": color, "mew": 0, "ms": size, "zorder": 4, "clip_on": False}
        with_level = [i for i in at if nights[i].status == level]
        known = [i for i in with_level if i not in empty]
        on.plot(known, [middle[i] for i in known], marker, **style)
        feet = [i for i in with_level if i in empty]
        on.plot(feet, [0.04] * len(feet), marker, transform=on.get_xaxis_transform(), **style)


def _lanes(on: Any, nights: Sequence[TrendNight], rules: Sequence[str]) -> None:
    """Draw a row for each rule, with its mark at the nights on which it alerted."""
    on.set_ylim(len(rules) - 0.5, -0.5)
    on.set_yticks(range(len(rules)), rules)
    on.tick_params(axis="y", labelcolor=svg.INK, pad=4)
    on.spines["bottom"].set_visible(False)
    on.grid(axis="y")
    for row, rule in enumerate(rules):
        with_alert = [i for i, night in enumerate(nights) if rule in map(rule_of, night.alerts)]
        on.plot(
            with_alert,
            [row] * len(with_alert),
            MARKS[rule],
            color=svg.INK,
            mew=0,
            ms=7,
            clip_on=False,
        )


def _documents(on: Any, nights: Sequence[TrendNight]) -> None:
    """Draw bars of the documents; documents with a reward are the lower part."""
    scored = [night.scored for night in nights]
    others = [max(0, night.documents - night.scored) for night in nights]
    on.bar(range(len(nights)), scored, 0.7, color=svg.BASELINE, lw=0)
    on.bar(range(len(nights)), others, 0.7, bottom=scored, color=svg.BAND, lw=0)
    on.grid(axis="y")
    ticks(on.yaxis, short_count, 2)


def _or_gap(value: float | None) -> float:
    return math.nan if value is None else value


def _places(ticks: int) -> tuple[str, ...]:
    return {1: ("center",), 2: ("left", "right")}.get(ticks, ("left", "center", "right"))
