"""Writing figures and names for people: in the page, its charts and the summary."""

import math
import re
import unicodedata
from collections.abc import Mapping

import numpy as np

NOTHING = "–"
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def number(value: float | None) -> str:
    """Write a number with three significant digits, at most three after the point; `–` for None."""
    if value is None or not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    if abs(value) < 0.0005:
        return "<0.001" if value > 0 else ">−0.001"
    return fixed(value, min(3, max(0, 2 - math.floor(math.log10(abs(value))))))


def fixed(value: float | None, places: int) -> str:
    """Write a number with `places` digits after the point; `–` for None."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{places}f}"
    return text.replace("-", "−" if text.strip("-0.,") else "")


def places(spread: float) -> int:
    """Return how many digits after the point tell apart values with this spread."""
    size = math.floor(math.log10(spread)) if spread > 0 and math.isfinite(spread) else 0
    return min(6, max(0, 2 - size))


def exact(value: float, kind: str = "float32") -> str:
    """Write a reward or a threshold so that it can be copied.

    This is the shortest text that reads back as the same number, of 32 bits for a column of
    float32, and else of 64. Its minus is the ASCII hyphen that a command line reads.

    Args:
        value: the number.
        kind: kind of the column's numbers (counts.order.KINDS).
    """
    bits = np.float32 if kind == "float32" else np.float64
    return np.format_float_positional(bits(value) + bits(0), unique=True, trim="-")


def signed(value: float | None) -> str:
    """Write a change: a number with its sign."""
    text = number(value)
    return f"+{text}" if value is not None and value > 0 and text[0].isdigit() else text


def count(value: float | None) -> str:
    """Write a whole number with commas; `–` for None."""
    return NOTHING if value is None else f"{value:,.0f}".replace("-", "−")


def short_count(value: float) -> str:
    """Write a count in a few characters: 12, 3.4k, 56M."""
    size, unit = next((pair for pair in _UNITS if abs(value) >= pair[0]), (1.0, ""))
    return f"{value / size:.3g}{unit}".replace("-", "−")


def percent(share: float | None) -> str:
    """Write a share in per cent with one decimal; 0.0% or 100.0% only if it is exactly so."""
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%".replace("-", "−")


def share(part: float, of: float | None) -> str:
    """Write `part` in per cent of `of`; `–` if `of` is 0 or None."""
    return percent(part / of) if of else NOTHING


def change(ratio: float) -> str:
    """Write a change in per cent, with its sign."""
    return f"{'+' if ratio > 0 else ''}{percent(ratio)}"


def whole_percent(ratio: float) -> str:
    """Write a change in per cent, with its sign and without decimals."""
    return f"{100 * ratio:+,.0f}%".replace("-", "−")


def strength(rho: float, margin: float) -> str:
    """Describe a correlation in a word."""
    size = abs(rho)
    if size < max(0.05, margin):
        return "no"
    return "weak" if size < 0.3 else "some" if size < 0.5 else "strong"


def chance(p: float | None) -> str:
    """Write a probability to a thousandth; `–` for None."""
    if p is None or math.isnan(p):
        return NOTHING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def quantile(quantiles: Mapping[str, float], below: float) -> float | None:
    """Return the quantile that the share `below` of the documents is below; None if not known."""
    return quantiles.get(f"{below:g}")


def clean(text: str) -> str:
    """Replace characters that a browser, a terminal or an encoder cannot show by visible signs."""
    return _CONTROL.sub(_shown, text.replace("\r\n", "\n"))


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "\ufffd"


def clip(text: str, most: int) -> str:
    """Clean a text, and cut it at `most` characters with an ellipsis."""
    return clean(text) if len(text) <= most else clean(text[: most - 1]) + "…"


def name(text: str, most: int = 80) -> str:
    """Write a name in one line, at most `most` columns wide. A longer name loses its middle."""
    line = clean(" ".join(text[:10_000].split())) or "(empty)"
    if _width(line) <= most:
        return line
    head, tail = _fitting(line, most - most // 3 - 1), _fitting(line[::-1], most // 3)[::-1]
    return f"{head}…{tail}"


def _width(text: str) -> int:
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(text: str, most: int) -> str:
    width = 0
    for at, character in enumerate(text):
        width += _columns(character)
        if width > most:
            return text[:at]
    return text
