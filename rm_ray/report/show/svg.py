"""Drawings of matplotlib as inline SVG, with the fonts, colours and ids of the page.

A chart is drawn in odd colours, which are then replaced by the page's CSS variables. So one drawing
serves light and dark. Names never pass through matplotlib: it would read `$` as mathematics, and
measure glyphs that it lacks. It draws stand-ins, which are replaced by the names at the end.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# Width in pixels of the viewBox, the unit of the font sizes too: narrow enough for a phone.
WIDTH = 380

INK, MUTED, GRID, PAPER = "#010203", "#010305", "#010307", "#010309"
TONIGHT, BASELINE, SECOND, BAND = "#020305", "#020307", "#020309", "#02030b"
WARN, FAIL = "#030507", "#030509"
COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--card)",
    TONIGHT: "var(--tonight)",
    BASELINE: "var(--baseline)",
    SECOND: "var(--second)",
    BAND: "var(--band)",
    WARN: "var(--warn)",
    FAIL: "var(--fail)",
}

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rm_ray.report",
    "font.sans-serif": ["DejaVu Sans"],
    "font.family": "sans-serif",
    "font.size": 12,
    "path.simplify": True,
    "text.color": INK,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 1,
    "axes.labelsize": 12,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.major.size": 4,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "figure.facecolor": "none",
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 1,
}
_STAND_IN = re.compile(r"@(\d+)@")


def stand_ins(names: int) -> list[str]:
    """Return the texts to draw in place of `names` names."""
    return [f"@{at}@" for at in range(names)]


def drawn(
    ident: str,
    title: str,
    described: str,
    height: float,
    draw: Callable[[Any], None],
    names: Sequence[str] = (),
) -> Markup:
    """Return a drawing as an SVG element, with a label for people who cannot see it.

    Args:
        ident: letters that no other drawing of the page has; the ids of the drawing begin so.
        title: title of the chart.
        described: the content of the chart, in words.
        height: height in pixels of a drawing that is `WIDTH` pixels wide.
        draw: draws on a matplotlib figure.
        names: names that the stand-ins are replaced by.
    """
    out = io.StringIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        draw(figure)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(out, metadata=nothing)
    inner = _inner(out.getvalue(), ident)
    inner = _STAND_IN.sub(lambda found: str(escape(names[int(found[1])])), inner)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{ident}-title {ident}-desc">'
        f'<title id="{ident}-title">{escape(title)}</title>'
        f'<desc id="{ident}-desc">{escape(described)}</desc>{inner}</svg>'
    )


def _inner(svg: str, ident: str) -> str:
    inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    unwanted = '<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>| id="[a-z0-9.]+_\\d+"'
    inner = re.sub(unwanted, "", inner, flags=re.DOTALL)
    inner = re.sub(r' transform="rotate\(-?0 [^"]*"', "", inner)
    inner = re.sub(r"(font(?:-family)?: [^;\"']*)'DejaVu Sans'[^;\"]*", r"\1var(--sans)", inner)
    inner = re.sub(r'\b(?:xlink:)?(id="|href="#|url\(#)', rf"\g<1>{ident}-", inner)
    inner = re.sub("<[^>]*>", lambda tag: _shorter(tag[0]), inner)
    inner = re.sub("#0[0-9a-f]{5}", lambda found: COLOURS.get(found[0], found[0]), inner)
    return re.sub(r"\s*\n\s*", " ", inner)


def _shorter(tag: str) -> str:
    """Round the coordinates in a tag to a hundredth of a pixel. Text outside tags is kept."""
    return re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", tag)


def axes(figure: Any, left: float, right: float, top: float, bottom: float) -> Any:
    """Make axes on a figure with these margins, in pixels."""
    width, height = figure.get_size_inches() * 72
    inside = (width - left - right) / width, (height - top - bottom) / height
    return figure.add_axes((left / width, bottom / height, *inside))


def above(figure: Any, text: str, down: float = 14) -> None:
    """Write a line of text at the left, `down` pixels below the top, as the title of an axis."""
    height = figure.get_size_inches()[1] * 72
    figure.text(2 / WIDTH, 1 - down / height, text, color=MUTED)


def ticks(axis: Any, said: Callable[[float], str] | None = None, most: int = 5) -> None:
    """Put at most `most` round values at an axis. `said` writes the values."""
    write = said or number_tick
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def number_tick(value: float) -> str:
    """Write a number at an axis, to five digits: the numbers at an axis are round."""
    return f"{value:.5g}".replace("-", "−")


def percent_tick(value: float) -> str:
    """Write a share at an axis, in per cent."""
    return f"{100 * value:.3g}%"
