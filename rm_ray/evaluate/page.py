"""An evaluation as one HTML file, in the report's style: no script, and no file from elsewhere."""

from typing import Any

from rm_ray.evaluate import charts, words
from rm_ray.evaluate.figures import Evaluation, Facts, GroupAccuracy
from rm_ray.report.show.formats import count
from rm_ray.report.show.page import environment

# Rows of a table that the page shows unfolded.
MOST_ROWS = 12
TITLES = {
    "kind": "By kind of bad text",
    "temperature": "By temperature",
    "position": "By position in the document",
    "length": "By length",
    "source": "By source",
    "extent": "By how much was made worse",
    "context": "By context",
}
SAID = {
    "temperature": "Temperature of the base model that wrote the rejected chunk.",
    "position": "The number of the chunk in its document, from 0.",
    "extent": "Made worse: all of the chunk, or a part of it.",
    "context": "The context is clean, or as bad as the rejected chunk.",
}


def page(made: Evaluation) -> bytes:
    """Return the page, in UTF-8. The same figures give the same bytes."""
    templates = environment(None, "rm_ray.evaluate")
    html = templates.get_template("evaluation.html.jinja").render(**_context(made))
    return html.encode(errors="replace")


def _context(made: Evaluation) -> dict[str, Any]:
    pairs = made.facts.of == "pairs"
    below, of = made.facts.blind_below, "pairs right" if pairs else "good above bad"
    columns = [title for title in TITLES if any(group.by == title for group in made.groups)]
    sections = [
        {
            "by": by,
            "title": TITLES[by],
            "said": _said(by, made.facts),
            "groups": (groups := _groups(made, by)),
            "chart": charts.intervals(f"by-{by}", TITLES[by], groups, below, of),
        }
        for by in columns
    ]
    return {
        "made": made,
        "figures": made,
        "pairs": pairs,
        "most": MOST_ROWS,
        "sections": sections,
        "between": words.between,
        "main": words.main_figure,
        "reliable": charts.reliability(made.calibration) if made.calibration else None,
        "method_name": charts.method_name,
        "facts": _facts(made.facts),
        "status": _status(made.whole, made.groups),
        "word": {"ok": "no blind spot", "warn": "look below", "fail": "no better than a coin"},
    }


def _groups(made: Evaluation, by: str) -> list[GroupAccuracy]:
    """Return the groups of a property: kinds with the worst first, others in their order."""
    groups = [group for group in made.groups if group.by == by]
    return words.worst_first(groups) if by == "kind" else groups


def _said(by: str, facts: Facts) -> str:
    if by == "length":
        return "Tokens of the context and the chunk." if facts.of == "pairs" else "Tokens."
    if by == "kind" and facts.of == "documents":
        return "Bad documents of the kind, against all good documents."
    return SAID.get(by, "")


def _status(whole: GroupAccuracy, groups: list[GroupAccuracy]) -> str:
    """Return the colour of the headline: fail, warn or ok."""
    main = words.main_figure(whole)
    if main is None or main.low <= 0.5:
        return "fail"
    kinds = [group for group in groups if group.by == "kind"]
    return "warn" if whole.few or any(kind.blind or kind.few for kind in kinds) else "ok"


def _facts(of: Facts) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {version}" for name, version in of.versions.items())
    left = ", ".join(f"{count(many)} {status}" for status, many in of.left_out.items())
    rows = [
        ("Judge", f"{of.model} ({of.family})"),
        ("Model", of.identity),
        ("Evaluated on", ", ".join(of.path)),
        ("Split", of.split or "all"),
        ("Not evaluated", left.replace("left_out", "of another split") or "none"),
        ("Intervals", f"95%, by {count(of.resamples)} resamples of the documents, seed {of.seed}"),
        ("Fingerprint", of.fingerprint),
        ("Versions", versions),
    ]
    return [(name, value) for name, value in rows if name != "Split" or of.of == "pairs"]
