"""A report as one HTML file. It needs no script and fetches nothing."""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rm_ray.report.figures import (
    Distribution,
    Figures,
    GroupFigures,
    Mix,
    MixGroup,
    RetainedGroup,
    RunFacts,
    Shown,
)
from rm_ray.report.show import charts, curves, formats, remarks
from rm_ray.report.show.caps import capped, thinned
from rm_ray.report.show.counted import Cell, cells, exceptions, repeated

SECTIONS = (
    ("alerts", "Alerts"),
    ("volume", "Volume"),
    ("rewards", "Rewards"),
    ("drift", "Distance"),
    ("trend", "Nights"),
    ("retention", "Cuts"),
    ("blind", "Blind spots"),
    ("documents", "Documents"),
    ("run", "Run"),
)
# Rows of the table of thresholds, and groups named first in the change of the mean.
MOST_ROWS, MOST_MOVERS = 41, 6
# Groups whose counts the page does not fold away, and remarks of one kind.
MOST_COUNTED, MOST_REMARKS = 12, 8
# Groups of the table of what a cut keeps.
MOST_KEPT = 20
STOPPED_EARLY = (
    "each document only until its side of a cut was clear (judge.adaptive): rewards are estimates"
)
# Distances from the median, in sd, from which a chunk has the first, second and third tint.
TINTS = (0.5, 1.0, 2.0)

FILTERS: tuple[Callable[..., str | float | None], ...] = (
    formats.number,
    formats.signed,
    formats.count,
    formats.percent,
    formats.share,
    formats.chance,
    formats.quantile,
    formats.clip,
    formats.name,
    formats.exact,
    formats.change,
    formats.strength,
)


def page(figures: Figures) -> bytes:
    """Return the page in UTF-8, at most two million bytes. The same figures give the same bytes."""
    shown, left = capped(figures)
    templates = environment(shown.whole.tonight or shown.whole.baseline)
    script = Markup(templates.get_template("page.js.jinja").render().strip())
    html = templates.get_template("page.html.jinja").render(
        figures=shown, left=left, script=script, script_hash=_hash(script), **_context(shown)
    )
    return html.encode(errors="replace")


def environment(of: Distribution | None, *rooms: str) -> Environment:
    """Return an environment with the templates, and with filters that write figures.

    Args:
        of: the distribution of the rewards, which sets their digits and tints.
        rooms: packages with further templates.
    """
    loaders = [PackageLoader(room, ".") for room in ("rm_ray.report.show", *rooms)]
    made = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {own.__name__: own for own in FILTERS}
    places = formats.places(of.sd if of else 1.0)
    made.filters["reward"] = partial(formats.fixed, places=places)
    made.filters["tint"] = tinted(of)
    return made


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _context(figures: Figures) -> dict[str, Any]:
    """Return the values that the template shows besides the figures themselves."""
    alerts = figures.verdict.alerts
    statuses = sorted(figures.whole.statuses, key=lambda status: status != "ok")[:12]
    retained = figures.retention if figures.whole.tonight else []
    curve = curves.retention(figures, _start(figures)) if retained else None
    many = len(figures.groups) > charts.MOST_GROUPS
    return {
        "sections": SECTIONS,
        "own": [alert for alert in alerts if alert.folded_into is None],
        "folded": [alert for alert in alerts if alert.folded_into is not None],
        "marks": _marks(figures),
        "remarks": remarks,
        "expected": remarks.expected_documents(figures.whole),
        "counted": _counted(figures),
        "gone": [group.name for group in figures.groups if not group.documents],
        "untold": _remarked(figures, lambda group: group.untold),
        "outliers": _remarked(
            figures, lambda group: remarks.outliers(group.outliers) if group.outliers else None
        ),
        "unsure": any(remarks.not_sure(figures, row) for row in (figures.whole, *figures.groups)),
        "statuses": [status.replace("_", " ") for status in statuses],
        "statuses_of": lambda row: [row.statuses.get(status, 0) for status in statuses],
        "shares_of": _shares,
        "charts": {
            "distribution": charts.distribution(figures),
            "strips": charts.strips(figures),
            "drift": charts.drift(figures),
            "trend": curves.trend(figures),
            "lengths": curves.lengths(figures),
        },
        "most_groups": f" The {charts.MOST_GROUPS} largest groups." if many else "",
        "mix": figures.mix,
        "movers": _movers(figures.mix) if figures.mix else [],
        "moves": _moves(figures),
        "marked": curves.rules_of(figures.trend),
        "blind": figures.blind,
        "flat": [row for row in figures.blind.groups if row.flat] if figures.blind else [],
        "alerted": [night for night in reversed(figures.trend) if night.status != "ok"],
        "curve": curve,
        "cuts": _cuts(figures, curve) if curve else None,
        "kept_groups": _kept_groups(figures) if curve else [],
        "retained": thinned(retained, MOST_ROWS),
        "beside": _beside(figures.documents),
        "kinds": _kinds(figures.documents),
        "scale": _scale(),
        "facts": _facts(figures.run),
    }


def _marks(figures: Figures) -> dict[str, str]:
    """Return the worst level of each group that has alerts."""
    marks: dict[str, str] = {}
    for alert in figures.verdict.alerts:
        if alert.group is not None and marks.get(alert.group) != "fail":
            marks[alert.group] = alert.level
    return marks


def _shares(of: Distribution) -> list[float | None]:
    return [formats.quantile(of.quantiles, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]


def _movers(mix: Mix) -> list[MixGroup]:
    def size(group: MixGroup) -> float:
        return abs(group.mix) + abs(group.inside)

    return sorted(mix.groups, key=size, reverse=True)[:MOST_MOVERS]


def _counted(figures: Figures) -> list[list[tuple[GroupFigures, list[Cell], str]]]:
    """Return the rows of the table of documents and tokens, in two lists.

    The first has all documents, the largest groups and the groups with alerts. The second has the
    other groups, which the page folds away.
    """
    alerted = {alert.group for alert in figures.verdict.alerts}
    first: list[GroupFigures] = [figures.whole]
    rest: list[GroupFigures] = []
    for group in figures.groups:
        (first if len(first) <= MOST_COUNTED or group.name in alerted else rest).append(group)
    return [
        [(group, _cells(figures, group), exceptions(figures, group)) for group in groups]
        for groups in (first, rest)
    ]


def _cells(figures: Figures, group: GroupFigures) -> list[Cell]:
    came = repeated(figures, group)
    return [*cells(figures, group), *([came] if came else [])]


def _remarked(
    figures: Figures, of: Callable[[GroupFigures], str | None]
) -> tuple[list[tuple[str, str]], int]:
    """Return remarks with their groups, and how many more there are."""
    rows = [("all documents", figures.whole), *((group.name, group) for group in figures.groups)]
    rows_with_remarks = [(name, remark) for name, group in rows if (remark := of(group))]
    return rows_with_remarks[:MOST_REMARKS], len(rows_with_remarks[MOST_REMARKS:])


def _moves(figures: Figures) -> list[dict[str, Any]]:
    """Return, for all documents and each group, its means over the nights, and its creep.

    Empty if there is only one night.
    """
    whole, nights = figures.whole, figures.trend
    around = whole.tonight or whole.baseline
    if not around or len(nights) < 2:
        return []
    rows = [("all documents", whole, [night.mean for night in nights])]
    rows += [(g.name, g, [night.means.get(g.name) for night in nights]) for g in figures.groups]
    return [
        {
            "name": name,
            "line": curves.spark(means, 2 * around.sd) if at <= charts.MOST_GROUPS else "",
            "mean": means[-1],
            "slope": group.creep.slope,
            "p": group.creep.p,
            "remark": group.creep.remark if group.creep.remark != whole.creep.remark else None,
        }
        for at, (name, group, means) in enumerate(rows)
    ]


def _start(figures: Figures) -> float:
    """Return the threshold at which the slider starts: the one in use, or one that keeps half."""
    if figures.cut is not None:
        cut = figures.cut
        return min(figures.retention, key=lambda kept: abs(kept.threshold - cut)).threshold
    half = figures.whole.scored / 2
    return min(figures.retention, key=lambda kept: abs(kept.documents - half)).threshold


def _cuts(figures: Figures, curve: curves.PlottedCurve) -> dict[str, Any]:
    """Return the slider's stops, lowest threshold first, also as JSON for its script."""
    whole, start = figures.whole.tonight, _start(figures)
    if whole is None:
        raise ValueError("there is no retention without rewards")
    rows = [
        {
            "at": kept.threshold,
            "place": place,
            "threshold": formats.exact(kept.threshold, figures.kind),
            "documents": f"{formats.count(kept.documents)} documents "
            f"({formats.share(kept.documents, whole.documents)})",
            "tokens": f"{formats.count(kept.tokens)} tokens "
            f"({formats.share(kept.tokens, whole.tokens)})",
            "groups": [
                (formats.count(group.documents[number]), formats.share(group.documents[number], of))
                for group, of in _retained(figures)
            ],
        }
        for number, (kept, place) in enumerate(zip(figures.retention, curve.places, strict=True))
    ][::-1]
    text = json.dumps({"rows": rows, "drawn": curve.chosen})
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    start_at = next(n for n, row in enumerate(rows) if row["at"] == start)
    return {"rows": rows, "start": start_at, "json": Markup(text)}


def _retained(figures: Figures) -> list[tuple[RetainedGroup, int]]:
    """Return the groups of the table of what a cut keeps, with their documents with a reward."""
    points = len(figures.retention)
    known = [group for group in figures.retained_groups if len(group.documents) == points]
    return [(group, group.documents[-1]) for group in known[:MOST_KEPT]]


def _kept_groups(figures: Figures) -> list[dict[str, Any]]:
    """Return the rows of the table of what a cut keeps of each group, where the slider starts."""
    start = _start(figures)
    at = next(n for n, kept in enumerate(figures.retention) if kept.threshold == start)
    return [
        {"name": group.name, "of": of, "kept": group.documents[at]}
        for group, of in _retained(figures)
    ]


def _beside(documents: list[Shown]) -> list[tuple[float, list[Shown], list[Shown]]]:
    """Return each cut, lowest first, with the documents next to it: kept, and dropped."""
    cuts: dict[float, dict[str, list[Shown]]] = defaultdict(lambda: {"kept": [], "dropped": []})
    for shown in documents:
        if shown.why in ("kept", "dropped") and shown.at is not None:
            cuts[shown.at][shown.why].append(shown)
    return [(at, of["kept"], of["dropped"]) for at, of in sorted(cuts.items())]


def _kinds(documents: list[Shown]) -> list[tuple[str, list[Shown]]]:
    titles = {"best": "The best", "worst": "The worst", "quantile": "Between them"}
    return [(title, [d for d in documents if d.why == why]) for why, title in titles.items()]


def tinted(of: Distribution | None) -> Callable[[float | None], str]:
    """Return a function from a chunk's reward to the class of its tint."""

    def tint(reward: float | None) -> str:
        if reward is None or of is None:
            return "unjudged"
        middle = formats.quantile(of.quantiles, 0.5)
        away = (reward - (of.mean if middle is None else middle)) / (of.sd or 1.0)
        steps = sum(abs(away) >= tint for tint in TINTS)
        return "even" if not steps else f"{'high' if away > 0 else 'low'}{steps}"

    return tint


def _scale() -> list[tuple[str, str]]:
    first, second, third = (formats.number(tint).rstrip("0").rstrip(".") for tint in TINTS)
    return [
        ("low3", f"{third} or more below"),
        ("low2", f"{second} below"),
        ("low1", f"{first} below"),
        ("even", "near"),
        ("high1", f"{first} above"),
        ("high2", f"{second} above"),
        ("high3", f"{third} or more above"),
        ("unjudged", "not judged"),
    ]


def _facts(run: RunFacts) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in [*run.versions.items()][:40])
    return [
        ("Run", run.path),
        ("Complete", "yes" if run.complete else "no: some of its parts are missing"),
        *([("Judged", STOPPED_EARLY)] if run.stopped_early else []),
        ("Segments", ", ".join(map(str, thinned(run.segments, 20)))),
        ("Judge", f"{run.model} ({run.family})"),
        ("Fingerprint", run.fingerprint),
        ("Read", f"{run.files:,} files in {run.parts:,} parts"),
        ("Forwarded", _forwarded(run)),
        ("Cost", _cost(run)),
        ("Versions", versions),
    ]


def _forwarded(run: RunFacts) -> str:
    over = run.forwarded_tokens / run.minimum_tokens if run.minimum_tokens else None
    beyond = f", {over:.3f} times the fewest possible" if over else ""
    return f"{run.forwarded_tokens:,} tokens in {run.windows:,} windows{beyond}"


def _cost(run: RunFacts) -> str:
    if run.tokens_per_second is None or run.engine_hours is None:
        return "not known: no speed was measured"
    hours = f"{formats.number(run.engine_hours)} hours of an engine with {run.gpus:g} GPU"
    hours += "" if run.gpus == 1 else "s"
    cost = "" if run.cost is None else f": {run.cost:,.2f}, at cost.per_gpu_hour"
    return f"{hours}{cost}, at {run.tokens_per_second:,.0f} forwarded tokens/s"
