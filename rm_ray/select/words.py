"""The sentences about a selection, and its summary in Markdown."""

from collections.abc import Iterator

from rm_ray.report.show.formats import count
from rm_ray.report.show.markdown import escaped
from rm_ray.select.figures import SelectFigures, ShareFigures

MOST_GROUPS = 40


def sentence(made: SelectFigures) -> str:
    """Say what was kept, and what it cost."""
    share = made.kept / made.documents if made.documents else 0.0
    return (
        f"{count(made.kept)} of {count(made.documents)} documents are kept ({share:.1%}), for "
        f"{made.cost.share:.1%} of what judging all of them whole would have cost"
    )


def error(made: SelectFigures) -> str:
    """Say what is known of the error."""
    if made.by_cheap + made.judged_whole == made.documents and not made.by_cheap:
        return "every document was judged whole: no decision is a guess"
    limit = (
        f"the rule was calibrated so that at most {made.max_wrong:.1%} of the kept documents are "
        f"wrong, with a probability of {1 - made.failure:.0%}"
    )
    if made.by_tokens:
        limit += "; the rule counts tokens, and documents differ in length, so this is an estimate"
    if made.audit is None:
        return f"{limit}; nothing was audited"
    return f"{limit}; the audit found {audited(made.audit.wrong_keeps, 'wrong keeps')} and " + (
        f"{audited(made.audit.wrong_drops, 'wrong drops')}"
    )


def audited(share: ShareFigures, what: str) -> str:
    """Say a share with its interval."""
    return (
        f"{count(share.found)} {what} of {count(share.of)} documents ({share.low:.2%} to "
        f"{share.high:.2%} of all)"
    )


def capital(said: str) -> str:
    """Return a sentence with a capital at its beginning."""
    return said[:1].upper() + said[1:]


def summary(made: SelectFigures) -> str:
    """Return the selection as Markdown."""
    lines = [
        f"## {made.sentence}",
        "",
        f"- {capital(error(made))}.",
        f"- {capital(made.reason)}.",
        f"- {count(made.judged_whole)} documents were judged whole"
        + (f"; the cheap judge decided {count(made.by_cheap)} alone." if made.by_cheap else "."),
    ]
    if made.without_decision:
        lines.append(f"- {count(made.without_decision)} documents have no reward, and are dropped.")
    if made.widenings:
        lines.append(
            f"- A cut lay outside of its band, which was widened {made.widenings} times. The "
            f"decisions are in the folder {made.decided}."
        )
    return "\n".join([*lines, "", *_stages(made), "", *_groups(made)]) + "\n"


def _stages(made: SelectFigures) -> Iterator[str]:
    yield "| stage | documents | windows | forwarded tokens | hours |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for stage in made.stages:
        yield (
            f"| {stage.name} | {count(stage.documents)} | {count(stage.windows)} | "
            f"{count(stage.forwarded_tokens)} | {stage.hours:.2f} |"
        )


def _groups(made: SelectFigures) -> Iterator[str]:
    yield "| group | documents | kept | cut | kept early | dropped early |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for group in made.groups[:MOST_GROUPS]:
        cut = "none" if group.cut is None else f"{group.cut:g}"
        yield (
            f"| {escaped(group.name)} | {count(group.documents)} | {count(group.kept)} | {cut} | "
            f"{count(group.early_kept)} | {count(group.early_dropped)} |"
        )
    if len(made.groups) > MOST_GROUPS:
        yield ""
        yield f"And {count(len(made.groups) - MOST_GROUPS)} more groups, in select.json."
