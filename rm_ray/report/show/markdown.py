"""The summary: a report in some lines of Markdown, for a chat or the log of a nightly job.

It has no text of a document. Names are escaped, so that they cannot become links, mentions or
headings.
"""

import re
from collections.abc import Callable, Iterator

from rm_ray.report.facts import DeliveryFigures
from rm_ray.report.figures import Alert, Figures, GroupFigures
from rm_ray.report.show import remarks
from rm_ray.report.show.counted import cells, repeated
from rm_ray.report.show.formats import (
    clip,
    count,
    exact,
    fixed,
    name,
    number,
    percent,
    places,
    quantile,
    share,
    signed,
)

SYMBOLS = {"ok": "✓", "warn": "▲", "fail": "✕"}
MOST_ALERTS, MOST_GROUPS, MOST_FLAT = 16, 15, 5
# At most so many lines for one kind of remark.
MOST_REMARKS = 2
# Characters that Markdown reads. `<`, `>` and `&` become entities, which chats know as well.
_SPECIAL = re.compile(r"[\\`*_{}\[\]|~#$]")
_AT_START = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Characters that turn the direction of the rest of the line.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Marks of mentions and addresses. An invisible space after the mark ends them.
_LIVE = re.compile(r"@|:(?=//)|(?<=www)\.")


def summary(figures: Figures) -> str:
    """Write the verdict, the alerts and the groups that moved most, in at most sixty lines."""
    status = figures.verdict.status
    lines = [
        f"## {SYMBOLS[status]} {status}: night {escaped(figures.night, 60)}",
        "",
        plain(figures.verdict.sentence),
        "",
        *_delivery(figures.delivery),
        *_alerts(figures.verdict.alerts),
        *_facts(figures),
        "",
        *_table(figures),
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str, most: int = 40) -> str:
    """Write a name in one line, and escape its Markdown."""
    return plain(name(text, most))


def plain(text: str) -> str:
    """Write a sentence in one line, and escape its Markdown."""
    line = _TURNING.sub("", clip(" ".join(text.split()), 500))
    for character, entity in _ENTITIES.items():
        line = line.replace(character, entity)
    line = _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))
    return _LIVE.sub(lambda found: f"{found[0]}\u200b", line)


def _delivery(of: DeliveryFigures | None) -> list[str]:
    """Return the lines that say what is held or was released; none if all is delivered."""
    if of is None or of.state == "delivered":
        return []
    named = ", ".join(escaped(group) for group in of.groups[:MOST_GROUPS])
    what = f"the documents of {named}" if named else "the night's documents"
    if of.state == "released":
        return [f"**Released**: {what}, by {plain(f'{of.by} at {of.at}: {of.because}')}", ""]
    command = (of.command or "").replace("`", "'")
    return [f"**Held**: {what} are not delivered. To deliver them: `{command}`", ""]


def _alerts(alerts: list[Alert]) -> list[str]:
    own = [alert for alert in alerts if alert.folded_into is None]
    if not own:
        return []
    lines = [
        f"- {SYMBOLS[alert.level]} **{alert.level}** {plain(alert.sentence)}"
        f"{' (standing since before)' if alert.standing else ''}"
        for alert in own[:MOST_ALERTS]
    ]
    more, folded = len(own) - MOST_ALERTS, len(alerts) - len(own)
    if more > 0:
        lines.append(f"- and {count(more)} more")
    if folded:
        by = "these explain" if len(own) > 1 else "this one explains"
        lines.append(f"- {count(folded)} further alert{'s' if folded > 1 else ''}, which {by}")
    return [*lines, ""]


def _facts(figures: Figures) -> list[str]:
    whole = figures.whole
    usual = remarks.expected_documents(whole)
    expected = f" (usually {count(usual)})" if usual is not None else ""
    lines = [
        f"- {count(whole.documents)} documents{expected}, {count(whole.tokens)} tokens; "
        f"{share(whole.scored, whole.documents)} with a reward, "
        f"{percent(whole.failed_share)} failed"
    ]
    if figures.files is not None:
        lines.append(f"- {plain(figures.files.told())}")
    if figures.repeats is not None and whole.repeats is not None and whole.documents:
        came = repeated(figures, whole)
        beside = f" ({', '.join(came.beside)})" if came and came.beside else ""
        lines.append(f"- {came.said if came else ''} came before{beside}")
    if figures.cut is not None and figures.retention and whole.tonight:
        cut = figures.cut
        kept = min(figures.retention, key=lambda each: abs(each.threshold - cut))
        lines.append(
            f"- a cut at {exact(kept.threshold, figures.kind)} keeps "
            f"{share(kept.documents, whole.tonight.documents)} of the documents and "
            f"{share(kept.tokens, whole.tonight.tokens)} of the tokens with a reward"
        )
    flat = [group.name for group in figures.blind.groups if group.flat] if figures.blind else []
    if flat:
        named = ", ".join(escaped(each) for each in flat[:MOST_FLAT])
        more = f" and {len(flat) - MOST_FLAT} more" if len(flat) > MOST_FLAT else ""
        lines.append(f"- the rewards hardly vary in {named}{more}")
    return [*lines, *_remarks(figures)]


def _remarks(figures: Figures) -> Iterator[str]:
    """Yield the lines with remarks, at most two of one kind.

    They name the nights behind the figures, the creep, the groups of which nothing can be told, the
    outliers, and the groups whose changes cannot be told.
    """
    whole = figures.whole
    if behind := remarks.behind(whole):
        yield f"- compared with: {plain(behind)}"
    if sums := remarks.sums(figures):
        yield f"- {plain(sums)}"
    if creep := remarks.creep(whole.creep):
        yield f"- creep of all documents: {plain(creep)}"
    kinds: tuple[Callable[[GroupFigures], str | None], ...] = (
        lambda group: group.untold,
        lambda group: remarks.outliers(group.outliers) if group.outliers else None,
        lambda group: (
            group.usual.remark
            if group is whole or group.usual.remark != whole.usual.remark
            else None
        ),
    )
    for kind in kinds:
        rows = [(group, remark) for group in (whole, *figures.groups) if (remark := kind(group))]
        for at, (group, remark) in enumerate(rows[:MOST_REMARKS]):
            of = "all documents" if group is whole else escaped(group.name)
            left = len(rows) - MOST_REMARKS if at == MOST_REMARKS - 1 else 0
            more_groups = f" (and {count(left)} more groups)" if left > 0 else ""
            yield f"- {of}: {plain(remark)}{more_groups}"


def _table(figures: Figures) -> list[str]:
    alerted = {alert.group: alert.level for alert in reversed(figures.verdict.alerts)}

    def first(group: GroupFigures) -> tuple[bool, float]:
        return group.name not in alerted, -group.drift.wasserstein.effect if group.drift else 0.0

    of = figures.whole.tonight or figures.whole.baseline
    digits = places(of.sd) if of else 2
    groups = sorted(figures.groups, key=first)[:MOST_GROUPS]
    lines = [
        "| | documents | tokens | tokens a document | with a reward | median reward | baseline | "
        "distance, sd | by chance below | creep, sd a week |",
        f"| --- |{' ---: |' * 9}",
        _row("**all documents**", figures, figures.whole, digits),
    ]
    for group in groups:
        level = alerted.get(group.name)
        mark = f"{SYMBOLS[level]} " if level else ""
        lines.append(_row(f"{mark}{escaped(group.name)}", figures, group, digits))
    if len(figures.groups) > len(groups):
        lines += ["", f"And {count(len(figures.groups) - len(groups))} more groups."]
    return lines


def _row(head: str, figures: Figures, group: GroupFigures, digits: int) -> str:
    counted = ["; ".join([cell.said, *cell.beside]) for cell in cells(figures, group)]
    medians = (
        fixed(quantile(of.quantiles, 0.5), digits) if of else "–"
        for of in (group.tonight, group.baseline)
    )
    measure = group.drift.wasserstein if group.drift else None
    untold = "cannot be told" if group.untold else "–"
    noise = (number(measure.effect), number(measure.floor)) if measure else (untold, "–")
    return f"| {' | '.join((head, *counted, *medians, *noise, signed(group.creep.slope)))} |"
