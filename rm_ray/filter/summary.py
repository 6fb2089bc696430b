"""The filter job's reports: the dry run's page, the closing lines, manifest.json."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.compute as pc
from typing_extensions import override

from rm_ray.corpus.excerpts import excerpt
from rm_ray.corpus.groups import group_label, group_name, printable, texts
from rm_ray.counts.cells import DIGIT_BITS, Cells
from rm_ray.counts.cuts import Cut
from rm_ray.counts.order import KEY_BITS, number_at
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.filter.count.census import Beside
from rm_ray.filter.count.decision import APART, BEYOND, CHOSEN, Outcomes, total_outcomes
from rm_ray.filter.counts import FilterCounts
from rm_ray.filter.notes import (
    Notes,
    all_alterations,
    all_cuts,
    all_outcomes,
    all_ties,
    least_kept,
    outcome_rows,
)
from rm_ray.filter.planning import FilterPlanning
from rm_ray.filter.rule import number_of, weight_name, weight_of
from rm_ray.filter.sources import FilterSources
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.progress.log import duration
from rm_ray.run.summary import RunSummary
from rm_ray.run.survey import Survey
from rm_ray.scored.run import overlapping, read_rewards

log = logging.getLogger(__name__)

# Most groups and cuts that are shown; manifest.json has all.
MOST_LINES = 20
# Shares of the documents for which thresholds are shown.
SHARES = (0.99, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01)
# Length of the beginning of a document that is shown.
EXCERPT = 60


class FilterSummary(RunSummary[FilterPlanning]):
    """Writes a filter's lines and metrics, while it runs and when it has ended."""

    starting = "the first bundles are being copied"

    def __init__(self, config: FilterConfig) -> None:
        self._config = config

    @override
    def closing(
        self, totals: RunCounts, progress: RunProgress, planning: FilterPlanning
    ) -> list[str]:
        speed = self.speed(progress) if progress.judging_seconds else ""
        counts = FilterCounts() + totals
        return closing_lines(
            self._config, counts, now=progress, notes=planning.segments, speed=speed
        )

    @override
    def metrics(
        self,
        totals: RunCounts,
        progress: RunProgress,
        before: Mapping[str, Any] | None,
        planning: FilterPlanning,
    ) -> dict[str, Any]:
        return {"outcomes": outcome_rows(planning.segments)}


def dry_run_text(sources: FilterSources, planning: FilterPlanning, seen: Survey) -> str:
    """Return the dry run's page: the documents kept and dropped, the cuts, how much other
    thresholds would keep, and the documents next to the cuts.
    """
    segments, config = planning.segments, sources.config
    lines = [
        f"files    {sum(len(notes.files) for notes in segments):>13,}",
        f"bundles  {sum(len(folder.units) for folder in seen.files):>13,}",
        *([f"passed over    {beside}"] if (beside := seen.found.passed_over) else []),
        *all_alterations(segments).lines(),
        "",
        *outcome_lines(all_outcomes(segments), config.rule),
        "",
        *cut_lines(config, segments, sources.cut_kind),
    ]
    if census := planning.census:
        lines += ["", *retention_lines(census.rewards, sources.kind)]
        if census.beside:
            log.info("reading the beginnings of %d documents", len(census.beside))
            lines += ["", "next to the cuts:", *_beside_lines(sources, planning, census.beside)]
    lines += ["", f"output   {seen.run.uri} (nothing written)"]
    return "\n".join(lines)


def outcome_lines(outcomes: Outcomes, rule: RuleConfig) -> list[str]:
    """Return a table of documents and tokens by group and reason, then of all groups together; and
    last the share that the cuts keep.
    """
    all_documents = sum(documents for documents, _ in outcomes.values())
    lines = [f"{'':<32}{'documents':>15}{'':>8}{'tokens':>20}"]
    groups = list(dict.fromkeys(group for group, _, _ in outcomes))
    for group in groups[:MOST_LINES] if len(groups) > 1 else ():
        of_group = {key: count for key, count in outcomes.items() if key[0] == group}
        lines.append(f"{group_name(group)}:")
        lines += _reasons(of_group, sum(documents for documents, _ in of_group.values()))
    if len(groups) > MOST_LINES:
        lines.append(f"... and {len(groups) - MOST_LINES:,} groups more")
    summed = total_outcomes({("", kept, why): n} for (_, kept, why), n in outcomes.items())
    if len(groups) > 1:
        lines.append("all groups:")
    return [*lines, *_reasons(summed, all_documents), *_counting_lines(summed, rule)]


def _counting_lines(outcomes: Outcomes, rule: RuleConfig) -> list[str]:
    """Tell how much of the documents that count, and of their tokens, the cuts keep, or drop if the
    rule is inverted. The fractions of a rule are fractions of the documents that count.
    """
    if rule.null_rewards == "keep" and any(why == APART for _, _, why in outcomes):
        return []  # some of these have no reward, and do not count
    # an inverted rule keeps what is beyond its cuts
    before = {CHOSEN} if rule.invert else {CHOSEN, APART}
    counting = before | {BEYOND, APART}
    parts = []
    for number, unit in enumerate(("documents", "tokens")):
        counts = {why: count[number] for (_, _, why), count in outcomes.items() if why in counting}
        if whole := sum(counts.values()):
            chosen = sum(counts.get(why, 0) for why in before)
            parts.append(f"{chosen:,} ({chosen / whole:.1%}) of the {whole:,} {unit}")
    also = ", and rule.where holds" if rule.where else ""
    what = f"that count (they have a reward{also})"
    fate = "dropped" if rule.invert else "kept"
    return [f"{fate} by the cuts: {' and '.join(parts)} {what}"] if parts else []


def _reasons(outcomes: Outcomes, whole: int) -> list[str]:
    lines = []
    for kept in (True, False):
        by_reason = {
            why: count for (_, fate, why), count in sorted(outcomes.items()) if fate == kept
        }
        lines.append(_count_line("  kept" if kept else "  dropped", by_reason.values(), whole))
        # the reasons are shown unless the only one is the usual one
        usual = {CHOSEN} if kept else {BEYOND}
        if by_reason.keys() - usual:
            lines += [_count_line(f"    {why}", [count], whole) for why, count in by_reason.items()]
    return lines


def _count_line(label: str, counts: Iterable[tuple[int, int]], whole: int) -> str:
    documents, tokens = (
        (sum(column) for column in zip(*counts, strict=True))
        if (counts := list(counts))
        else (0, 0)
    )
    share = f"{documents / whole:.1%}" if whole else ""
    return f"{label:<32}{documents:>15,}{share:>8}{tokens:>20,}"


def cut_lines(config: FilterConfig, notes: Sequence[Notes], kind: str) -> list[str]:
    """Return the lines that show the cuts as rewards, the unused part of each group's budget, and
    the documents with equal rewards at a cut.

    Args:
        config: the filter's configuration.
        notes: the notes of all segments.
        kind: the kind of the numbers that documents are ordered by.
    """
    noisy = config.rule.temperature is not None
    reward = "reward, with its noise," if noisy else "reward"
    fate = "kept" if config.rule.invert else "dropped"
    fate = "in the next bucket" if config.output.buckets else fate
    lines = [f"cuts: the {reward} of the first document beyond each, which is {fate}"]
    known = _cuts_by_group(notes)
    short, ties = shortfall(config, notes), all_ties(notes)
    for group, cuts in known[:MOST_LINES]:
        cut_texts = ", ".join(_cut_text(cut, kind) for cut in cuts)
        lines.append(f"  {group_name(group):<24} {cut_texts}{short.get(group, '')}")
        lines += [f"    {tie.said()}" for tie in ties if tie.group == group][:MOST_LINES]
    if len(known) > MOST_LINES:
        lines.append(f"  ... and {len(known) - MOST_LINES:,} groups more")
    if (least := least_kept(notes)) is not None:
        also = " and this rule.where" if config.rule.where else ""
        threshold = f"--rule.min_reward {number_text(least, kind)}"
        lines.append(f"the same documents are kept by {threshold}{also}")
    return lines


def _cuts_by_group(notes: Sequence[Notes]) -> list[tuple[str, list[Cut | None]]]:
    """Return each group with its cuts; a single entry if all groups have the same cuts."""
    cuts = all_cuts(notes)
    return list(zip(cuts.groups, cuts.cuts, strict=True)) or [(group_label([]), cuts.otherwise)]


def shortfall(config: FilterConfig, notes: Sequence[Notes]) -> dict[str, str]:
    """Tell for each group that keeps less than its budget, in words, how much of it is unused."""
    if config.rule.weight_column or config.deliver.is_asked:
        return {}  # outcomes count documents and tokens, and those of this delivery
    weight = weight_of(config.rule)
    chosen = {group: n for (group, _, why), n in all_outcomes(notes).items() if why == CHOSEN}
    left = {}
    for group, budget in ((g, b) for segment in notes for g, b in segment.budget.items()):
        documents, tokens = chosen.get(group, (0, 0))
        kept = tokens if weight == "tokens" else documents
        if kept < budget:
            unit = weight_name(config.rule)
            left[group] = f"   {budget - kept:,} of the {budget:,} {unit} of its budget are unused"
    return left


def _cut_text(cut: Cut | None, kind: str) -> str:
    if cut is None:
        return "no document is beyond it"
    number = number_text(number_of(cut, kind), kind)
    return number if cut.file else f"every reward below {number} is beyond it"


def number_text(number: float | int, kind: str) -> str:
    """Write a number with as many digits as tell it from all others of its kind, to be copied."""
    digits = {"float32": ".9g", "float64": ".17g"}
    return format(number, digits.get(kind, "d"))


def retention_lines(rewards: Cells, kind: str) -> list[str]:
    """Return lines that show how much fixed thresholds would keep. The counts are exact; the
    thresholds are chosen near round shares.

    Args:
        rewards: documents by the upper halves of their keys as float32.
        kind: the kind of the numbers.
    """
    documents, tokens = np.cumsum(rewards.documents), np.cumsum(rewards.tokens)
    lines = ["with --rule.min_reward, of the documents that count:"]
    if not len(documents):
        return [*lines, "  there are none"]
    shift = KEY_BITS - DIGIT_BITS
    shown = dict.fromkeys(
        int(np.searchsorted(documents, share * documents[-1])) for share in SHARES
    )
    for at in shown:
        last = ((int(rewards.cells[at]) + 1) << shift) - 1
        number = number_at("float32", last, (1 << 32) - 1)
        threshold = number_text(number, "float32" if kind == "float32" else "float64")
        lines.append(
            f"  {threshold:>15} keeps {documents[at]:>13,} documents "
            f"({documents[at] / documents[-1]:6.1%}), {tokens[at]:>16,} tokens"
        )
    return lines


def _beside_lines(
    sources: FilterSources, planning: FilterPlanning, beside: Sequence[Beside]
) -> list[str]:
    lines = []
    for document in beside:
        key, excerpt = _look_at(sources, planning, document)
        kept = document.before != sources.config.rule.invert
        fate = "kept   " if kept else "dropped"
        group = f"{group_name(document.group)}: " if document.group != group_label([]) else ""
        reward = number_text(document.reward, sources.kind)
        lines.append(f"  {fate} {group}{reward}  {printable(key)}  {excerpt}")
    return lines


def _look_at(sources: FilterSources, planning: FilterPlanning, document: Beside) -> tuple[str, str]:
    """Return a document's id (or its file and row) and the beginning of its text."""
    _, _, file, row = document.order
    parts = overlapping(planning.ready.parts[0].get(file, ()), row, row + 1)
    key = f"{file}, row {row}"
    if parts and "id" in sources.schemas[0].names:
        rewards = read_rewards(sources.runs[0].parts, parts[0], ["id"])
        ids = texts(rewards.filter(pc.equal(rewards.column("row"), row)).column("id"))
        key = str(ids[0]) if ids else key
    scored_input = sources.runs[0].stored["config"]["input"]
    column = scored_input["text"] or scored_input["completion"] or scored_input["messages"]
    scored = next(known for known in sources.runs[0].files if known.path == file)
    try:
        return key, excerpt(scored, row, column=column, corpus=sources.corpus, length=EXCERPT)
    except OSError as error:
        log.warning("%s", error)
        return key, ""


def closing_lines(
    config: FilterConfig, totals: FilterCounts, now: RunProgress, notes: Sequence[Notes], speed: str
) -> list[str]:
    """Return the lines to log when a run has ended. `speed`: the run's speed, in words."""
    lines = outcome_lines(all_outcomes(notes), config.rule)
    short = shortfall(config, notes)
    lines += [f"{group_name(group)}:{text}" for group, text in list(short.items())[:MOST_LINES]]
    lines += [f"... and {len(short) - MOST_LINES:,} groups more"] if len(short) > MOST_LINES else []
    lines.append(
        f"{totals.rows:,} of {totals.documents:,} documents kept, {totals.tokens:,} tokens, in "
        f"{totals.files:,} files of {totals.bytes / (1 << 20):,.1f} MiB"
    )
    if now.work.documents and now.judging_seconds:
        documents, seconds = now.work.documents, duration(now.judging_seconds)
        lines.append(f"this run: {documents:,} documents in {seconds}, {speed}")
    return lines


def manifest(
    sources: FilterSources,
    segments: Sequence[Notes],
    totals: FilterCounts,
    versions: Mapping[str, str],
) -> bytes:
    """Return manifest.json: everything that made the filtered corpus as it is.

    Args:
        sources: the scoring runs and the corpus that were read.
        segments: the notes of all segments of the plan.
        totals: the counts over all bundles.
        versions: versions of packages when the filter began.
    """
    config = sources.config
    key = "reward" if config.rule.temperature is None else "reward_with_noise"
    files = {path: state for notes in segments for path, state in notes.files.items()}
    runs = [
        {
            "path": run.uri,
            "segments": segments[-1].segments[number],
            "fingerprint": run.stored["fingerprint"],
            "totals": segments[-1].totals[number],
            "versions": run.stored["versions"],
        }
        for number, run in enumerate(sources.runs)
    ]
    altered = all_alterations(segments)
    kind = sources.cut_kind
    content: dict[str, Any] = {
        "format": 1,
        "totals": totals.stored(),
        "outcomes": outcome_rows(segments),
        "cuts": [
            {
                "group": json.loads(group),
                "cuts": [_cut_entry(cut, key, kind) for cut in cuts],
            }
            for group, cuts in _cuts_by_group(segments)
        ],
        "ties": [asdict(tie) for tie in all_ties(segments)],
        "min_reward_that_keeps_the_same": least_kept(segments),
        "budget": {group: n for notes in segments for group, n in notes.budget.items()},
        "rule": config.rule.model_dump(mode="json"),
        **({"leave_out": config.leave_out.path} if config.leave_out.path else {}),
        **({"deliver": config.deliver.model_dump()} if config.deliver.is_asked else {}),
        "rewards": config.rewards.model_dump(mode="json", exclude={"storage", "path", "segments"}),
        "output": config.output.model_dump(mode="json", exclude={"storage", "path"}),
        "scoring_runs": runs,
        "versions": dict(versions),
        "changed": _altered(altered.changed),
        "lost": _altered(altered.lost),
        "files": [
            {"path": path, "size": size, "version": version}
            for path, (size, version) in files.items()
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def _altered(alterations: Mapping[str, tuple[int, str]]) -> list[dict[str, Any]]:
    return [
        {"what": alteration, "files": count, "first": path}
        for alteration, (count, path) in alterations.items()
    ]


def _cut_entry(cut: Cut | None, key: str, kind: str) -> dict[str, Any] | None:
    """Return a cut for manifest.json: the first document that is beyond the cut. A fixed cut is
    given as the least reward that is kept.
    """
    if cut is None:
        return None
    if not cut.file:
        return {"at_least": number_of(cut, kind)}
    return {key: number_of(cut, kind), "file": cut.file, "row": cut.row}
