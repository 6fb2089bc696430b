"""Drawings of matplotlib as inline SVG that belongs to its page: its fonts, its colours, its ids.

A chart is drawn in colours that nobody would choose, which become the page's CSS variables: one
drawing serves light and dark. Names never pass through matplotlib, which would read `$` in them as
mathematics and measure glyphs that it lacks: it draws stand-ins, which are replaced at last.
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

# In pixels of the viewBox, as is the type: narrow enough to be read on a phone.
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
    """What to draw in place of so many names."""
    return [f"@{at}@" for at in range(names)]


def drawn(
    ident: str,
    title: str,
    described: str,
    height: float,
    draw: Callable[[Any], None],
    names: Sequence[str] = (),
) -> Markup:
    """What `draw` draws on a figure, as an SVG element with a label for those who cannot see it.

    Args:
        ident: letters that no other drawing of the page has; its ids begin with them.
        described: what the chart says, in words.
        height: in pixels of a drawing that is `WIDTH` wide.
        names: those that its stand-ins are for.
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
    """A tag whose coordinates are to a hundredth of a pixel; numbers that are text stay."""
    return re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", tag)


def axes(figure: Any, left: float, right: float, top: float, bottom: float) -> Any:
    """Axes on a figure with these margins, in pixels."""
    width, height = figure.get_size_inches() * 72
    inside = (width - left - right) / width, (height - top - bottom) / height
    return figure.add_axes((left / width, bottom / height, *inside))


def above(figure: Any, text: str, down: float = 14) -> None:
    """A line of text at the left, so many pixels below the top: what an axis below it shows."""
    height = figure.get_size_inches()[1] * 72
    figure.text(2 / WIDTH, 1 - down / height, text, color=MUTED)


def ticks(axis: Any, said: Callable[[float], str] | None = None, most: int = 5) -> None:
    """Round values at an axis, no more than `most`, as `said` writes them."""
    write = said or number_tick
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def number_tick(value: float) -> str:
    """A number at an axis, where those beside it are round as well."""
    return f"{value:.5g}".replace("-", "−")


def percent_tick(value: float) -> str:
    """A share at an axis."""
    return f"{100 * value:.3g}%"
