"""The curves of a report: over the nights, over the thresholds, over the lengths of documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import NullLocator

from rm_ray.report import svg
from rm_ray.report.charts import LEVELS
from rm_ray.report.figures import Figures, TrendNight
from rm_ray.report.formats import clip, count, name, number, percent, quantile, short_count
from rm_ray.report.svg import above, axes, drawn, percent_tick, stand_ins, ticks

# Pixels of a sparkline.
_SPARK = (110, 20)


@dataclass(frozen=True)
class Curve:
    """The retention curve. `places`: where each threshold is in it, in its pixels from the left,
    in the order of `Figures.retention`; `chosen`: where its movable mark is drawn.
    """

    svg: Markup
    places: tuple[float, ...]
    chosen: float


def trend(figures: Figures) -> Markup | None:
    """The median of each night within the middle 80% of its documents, and how many they were."""
    nights = figures.trend
    if not nights:
        return None

    def draw(figure: Any) -> None:
        on, below = axes(figure, 46, 14, 26, 116), axes(figure, 46, 14, 212, 26)
        _rewards(on, nights)
        below.bar(range(len(nights)), [n.documents for n in nights], 0.7, color=svg.BASELINE, lw=0)
        for each in (on, below):
            each.set_xlim(-0.7, len(nights) - 0.3)
            each.grid(axis="y")
            each.xaxis.set_ticks([])
        ticks(on.yaxis)
        ticks(below.yaxis, short_count, 2)
        below.set_xticks(shown, stand_ins(len(shown)))
        for label, place in zip(below.get_xticklabels(), _places(len(shown)), strict=True):
            label.set_horizontalalignment(place)
        above(figure, "reward: the median, and the middle 80%")
        above(figure, "documents", 204)

    shown = sorted({0, len(nights) // 2, len(nights) - 1})
    names = [name(nights[at].night, 12) for at in shown]
    last = nights[-1]
    middle = number(quantile(last.quantiles, 0.5))
    described = (
        f"{len(nights)} nights. The last, {clip(last.night, 40)}: median {middle}, "
        f"{count(last.documents)} documents. "
        f"{sum(night.status != 'ok' for night in nights)} of the nights had alerts."
    )
    return drawn("trend", "Rewards over the nights", described, 300, draw, names)


def retention(figures: Figures, chosen: float) -> Curve | None:
    """The share of documents and of tokens that each threshold keeps; None where none has a reward.

    Args:
        chosen: the threshold at which the movable mark is drawn.
    """
    kept, whole = figures.retention, figures.whole.tonight
    if not kept or not whole:
        return None
    places: list[float] = []

    def draw(figure: Any) -> None:
        on = axes(figure, 46, 14, 26, 44)
        at = [each.threshold for each in kept]
        on.plot(at, [each.documents / max(1, whole.documents) for each in kept],
                color=svg.TONIGHT, lw=2.5)  # fmt: skip
        on.plot(at, [each.tokens / max(1, whole.tokens) for each in kept],
                color=svg.SECOND, lw=2.5, ls=(0, (3, 1.5)))  # fmt: skip
        on.set_ylim(0, 1.02)
        on.grid(axis="y")
        if figures.cut is not None:
            on.axvline(figures.cut, color=svg.MUTED, lw=1.5, ls=(0, (2, 2)))
        on.axvline(chosen, color=svg.INK, lw=2, gid="chosen")
        ticks(on.xaxis, most=8)
        ticks(on.yaxis, percent_tick)
        on.set_xlabel("threshold: the lowest reward that is kept")
        above(figure, "share kept")
        places.extend(float(on.transData.transform((each, 0))[0]) for each in (*at, chosen))

    half = min(kept, key=lambda each: abs(each.documents - whole.documents / 2))
    described = (
        f"A threshold of {number(half.threshold)} keeps "
        f"{percent(half.documents / max(1, whole.documents))} of the documents and "
        f"{percent(half.tokens / max(1, whole.tokens))} of the tokens."
    )
    drawing = drawn("kept", "What each threshold keeps", described, 260, draw)
    return Curve(drawing, tuple(round(place, 1) for place in places[:-1]), round(places[-1], 1))


def lengths(figures: Figures) -> Markup | None:
    """The median reward of short to long documents; None where it is not known."""
    if not figures.blind or len(figures.blind.length_medians) < 2:
        return None
    medians = [(max(1.0, tokens), reward) for tokens, reward in figures.blind.length_medians]

    def draw(figure: Any) -> None:
        on = axes(figure, 46, 22, 26, 44)
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
    return drawn("lengths", "Reward by length", described, 210, draw)


def spark(values: Sequence[float | None], span: float) -> Markup:
    """A line without axes, for a table that has its last value: `span` is its height, around the
    values' middle.
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
    low, middle, high = (
        [_or_gap(quantile(night.quantiles, share)) for night in nights] for share in (0.1, 0.5, 0.9)
    )
    at = range(len(nights))
    on.fill_between(at, low, high, color=svg.BAND, lw=0)
    on.plot(at, middle, color=svg.TONIGHT, lw=2, marker=".", ms=5)
    for level, (marker, color, size) in LEVELS.items():
        those = [i for i in at if nights[i].status == level]
        values = [middle[i] for i in those]
        on.plot(those, values, marker, color=color, mew=0, ms=size, zorder=4, clip_on=False)


def _or_gap(value: float | None) -> float:
    return math.nan if value is None else value


def _places(ticks: int) -> tuple[str, ...]:
    return {1: ("center",), 2: ("left", "right")}.get(ticks, ("left", "center", "right"))
