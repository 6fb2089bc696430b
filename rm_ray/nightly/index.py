"""The index: one HTML file of all nights, with their verdicts by source.

    OUTPUT/index.html

Its size is bounded. The last nights are rows; earlier ones are counted by month.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.nightly.acceptances import Acceptance, Acceptances
from rm_ray.nightly.config import REPORTS
from rm_ray.nightly.nights import KnownNight, Nights
from rm_ray.report.show.folder import HTML
from rm_ray.report.show.page import environment
from rm_ray.store.folder import Folder, absolute

log = logging.getLogger(__name__)

INDEX = "index.html"
# Rows of nights, columns of groups, and months of earlier nights that the page has.
MOST_NIGHTS, MOST_GROUPS, MOST_MONTHS = 370, 12, 60
# Characters of a night's sentence.
MOST_SENTENCE = 160
WHOLE = "all documents"


@dataclass(frozen=True)
class Row:
    """A Row is one night of the index."""

    night: KnownNight
    """The night."""
    link: str
    """Relative address of its page; "" if it has none."""
    accepted: list[Acceptance]
    """The acceptances of the night."""


@dataclass(frozen=True)
class Month:
    """A Month counts earlier nights that are no rows."""

    name: str
    """Beginning of the nights' names, such as 2026-11."""
    verdicts: dict[str, int]
    """Number of nights by verdict."""
    held: int
    """Number of nights with documents that are held."""


def write_index(output: OutputConfig, nights: Nights) -> None:
    """Write the index of all nights.

    Raises:
        OutputError: the folder cannot be read or written.
    """
    folder = Folder(absolute(output.path), output.storage)
    data = index_page(nights.all(), Acceptances(nights.folder).all())
    try:
        folder.overwrite(INDEX, data)
    except OSError as error:
        raise OutputError(f"output.path: cannot write {folder.uri}/{INDEX}: {error}") from None


def index_page(known: Sequence[KnownNight], accepted: Sequence[Acceptance]) -> bytes:
    """Return the page, in UTF-8. The same nights give the same bytes.

    Args:
        known: all nights, in the order of their names.
        accepted: all acceptances.
    """
    last = list(known[::-1][:MOST_NIGHTS])
    # what is held waits for somebody, however old it is
    older = known[::-1][MOST_NIGHTS:]
    waiting = [one for one in older if one.delivery is not None and one.delivery.is_held]
    rows = [_row(one, accepted) for one in [*last, *waiting[:MOST_NIGHTS]]]
    groups = _columns(last)
    html = (
        environment(None, "rm_ray.nightly")
        .get_template("index.html.jinja")
        .render(
            rows=rows,
            groups=groups,
            months=_months(older)[:MOST_MONTHS],
            nights=len(known),
            waiting=[row for row in rows if row.night.delivery and row.night.delivery.is_held],
            told=_told,
            whole=WHOLE,
            sentence=MOST_SENTENCE,
            most=MOST_GROUPS,
        )
    )
    return html.encode(errors="replace")


def _row(one: KnownNight, accepted: Sequence[Acceptance]) -> Row:
    reported = one.status is not None or one.said is not None
    link = f"{REPORTS}/{quote(one.night)}/{HTML}" if reported else ""
    return Row(one, link, [each for each in accepted if each.night == one.night])


def _columns(nights: Sequence[KnownNight]) -> list[str]:
    """Return the groups that alerted on most of the nights, in the order of their names."""
    counted: Counter[str] = Counter()
    for one in nights:
        counted.update(name for name in one.levels or {} if name != WHOLE)
    return sorted(name for name, _ in counted.most_common(MOST_GROUPS))


def _months(older: Sequence[KnownNight]) -> list[Month]:
    """Count nights by the first seven characters of their names, the last ones first."""
    by_month: dict[str, list[KnownNight]] = {}
    for one in older:
        by_month.setdefault(one.night[:7], []).append(one)
    return [
        Month(
            name,
            dict(Counter(one.status or "not finished" for one in of_month)),
            sum(one.delivery is not None and one.delivery.is_held for one in of_month),
        )
        for name, of_month in by_month.items()
    ]


def _told(one: KnownNight) -> dict[str, Any]:
    """Return the words of a night's delivery, and its kind, for the cell of the table."""
    if one.delivery is None:
        return {"kind": "none", "text": "not filtered" if one.said is not None else ""}
    kind = "held" if one.delivery.is_held else "delivered"
    return {"kind": kind, "text": str(one.delivery)}
