"""A report in a few lines of Markdown, for a chat or a CI log. It holds no text of any document."""

from rm_ray.report.figures import Alert, Figures, Group
from rm_ray.report.formats import count, number, percent, signed

MARKS = {"ok": "✓", "warn": "▲", "fail": "✕"}
# Lines of each kind at most; report.json has all.
MOST_ALERTS, MOST_GROUPS = 12, 15


def summary(figures: Figures) -> str:
    """The verdict, the alerts, and the largest groups beside their baselines."""
    said = figures.verdict
    alerts = [alert for alert in said.alerts if alert.folded_into is None]
    lines = [
        f"# {MARKS[said.status]} {said.status}: night {_plain(figures.night)}",
        "",
        _plain(said.sentence),
        "",
        *(_alert(alert) for alert in alerts[:MOST_ALERTS]),
        *_more(len(alerts) - MOST_ALERTS, "alerts"),
        "",
        "| | documents | expected | mean reward | baseline | distance, sd | chance below |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(group) for group in (figures.whole, *figures.groups[:MOST_GROUPS])),
        *_more(len(figures.groups) - MOST_GROUPS, "groups"),
        "",
        f"{percent(figures.whole.failed_share)} of the documents failed. "
        f"Rewards of {_plain(figures.run.path)}, of the judge {_plain(figures.run.model)}.",
    ]
    return "\n".join(lines) + "\n"


def _alert(alert: Alert) -> str:
    standing = ", standing since the night before" if alert.standing else ""
    return f"- **{alert.rule}** ({alert.level}{standing}): {_plain(alert.sentence)}"


def _row(group: Group) -> str:
    now, before = group.tonight, group.baseline
    drift = group.drift.wasserstein if group.drift else None
    cells = [
        _plain(group.name),
        count(group.documents),
        "" if group.expected is None else count(group.expected),
        "" if now is None else signed(now.mean),
        "" if before is None else signed(before.mean),
        "" if drift is None else number(drift.effect),
        "" if drift is None else number(drift.floor),
    ]
    return f"| {' | '.join(cells)} |"


def _more(left: int, what: str) -> list[str]:
    return ["", f"... and {left} {what} more, in report.json"] if left > 0 else []


def _plain(text: str) -> str:
    """On one line, and with nothing that Markdown would take for its own."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~@:" else c for c in line)
