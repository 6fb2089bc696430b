"""An evaluation as a few lines of Markdown, for a chat, a log or a model card."""

from collections.abc import Iterator

from rm_ray.evaluate.figures import Evaluation, GroupAccuracy, Interval
from rm_ray.evaluate.words import between, worst_first
from rm_ray.report.show.formats import count
from rm_ray.report.show.markdown import escaped, plain

MOST_KINDS = 40


def summary(made: Evaluation) -> str:
    """Return the verdict and the table of kinds, as Markdown."""
    lines = [f"## {plain(made.verdict.sentence)}", ""]
    lines += [f"- {plain(note)}" for note in (*made.verdict.blind, *made.verdict.notes)]
    kinds = worst_first([group for group in made.groups if group.by == "kind"])
    lines += ["", *_table(made, kinds)]
    return "\n".join(lines) + "\n"


def _table(made: Evaluation, kinds: list[GroupAccuracy]) -> Iterator[str]:
    of = made.facts.of
    named = [baseline.name for baseline in made.baselines]
    heads = ["", of, *(["pairs right"] if of == "pairs" else []), "AUC", *named]
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    for group in (made.whole, *kinds[:MOST_KINDS]):
        whole = group is made.whole
        cells = [f"**{group.name}**" if whole else escaped(group.name), count(group.count)]
        cells += [between(group.pairwise)] if of == "pairs" else []
        cells.append(_auc(group.auc))
        for baseline in made.baselines:
            overall = baseline.pairwise if of == "pairs" else baseline.auc
            value = (
                (overall.value if overall else None) if whole else baseline.kinds.get(group.name)
            )
            cells.append("–" if value is None else f"{value:.1%}")
        yield f"| {' | '.join(cells)} |"
    if len(kinds) > MOST_KINDS:
        yield ""
        yield f"And {count(len(kinds) - MOST_KINDS)} more kinds, in evaluation.json."


def _auc(of: Interval | None) -> str:
    return "–" if of is None else f"{of.value:.3f} ({of.low:.3f} to {of.high:.3f})"
