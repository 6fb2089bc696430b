"""The report job.

measure   parts -> histograms, moments, a sample               measured: tasks, one pass
compare   tonight beside the baseline                          baseline, comparison, effects
judge     rules -> alerts -> a verdict                         alerts
show      report.json, report.html, summary.md, the history    figures, folder, page, history
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from rm_ray.cluster.fit import check_task
from rm_ray.cluster.join import join_cluster
from rm_ray.errors import Alerted
from rm_ray.report.compare.alerts import fired, verdict
from rm_ray.report.compare.baseline import (
    Baseline,
    BaselineGroup,
    accepted_since,
    nightly_means,
)
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.groups import bin_edges, group_figures, in_order
from rm_ray.report.compare.history import GroupResult, History, PastNight
from rm_ray.report.compare.mix import split
from rm_ray.report.compare.past import open_history, seen_files
from rm_ray.report.compare.repeats import find
from rm_ray.report.compare.trend import trend
from rm_ray.report.config import ReportConfig
from rm_ray.report.facts import RepeatsFacts
from rm_ray.report.figures import BaselineFacts, Figures, Mix, NightVerdict
from rm_ray.report.measure.beside import Before, alerted_documents
from rm_ray.report.measure.blind import blind
from rm_ray.report.measure.chosen import choose
from rm_ray.report.measure.excerpts import show
from rm_ray.report.measure.facts import run_facts
from rm_ray.report.measure.files_came import files_came
from rm_ray.report.measure.measured import Measured
from rm_ray.report.measure.nights import OTHER, GroupNight, Night, largest, name_of
from rm_ray.report.measure.retention import by_group, retention
from rm_ray.report.measure.runs import count, pinned_run, repeats_key, see
from rm_ray.report.measure.seen import Seen
from rm_ray.report.show.folder import HTML, output_folder, write
from rm_ray.report.show.markdown import summary
from rm_ray.run.execute import ray_faults
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import kind_of
from rm_ray.scored.run import ScoredRun, open_scored, schema_of

log = logging.getLogger(__name__)

# Rewards below this size are warned of: moments are counted in steps of 2^-24.
SMALL = 0.001
# Nights without known segments.
NO_SEGMENTS: Mapping[str, Sequence[int]] = {}


@dataclass(frozen=True)
class Reported:
    """A report that is made but not yet written."""

    figures: Figures
    """All figures of the report."""
    history: History | None
    """History to store the night in; None if there is none."""
    seen: Seen
    """The night's documents by their keys, for the history."""
    repeats_by: Literal["id", "text"] | None
    """The kind of the keys; None if documents that come again are not looked for."""
    rows: list[tuple[GroupNight, GroupResult]]
    """Rows of the night's file in the history."""


def report(
    config: ReportConfig,
    complete: Callable[[Figures], Figures] = lambda figures: figures,
    segments: Mapping[str, Sequence[int]] = NO_SEGMENTS,
) -> Figures:
    """Report a night: three files in the output folder, and a file of the history.

    Args:
        config: the configuration.
        complete: adds facts that the caller knows to the figures, before they are written.
        segments: segments of the scoring run that earlier nights have, by name, if they are known.

    Raises:
        Refused: before anything is written. The message says what to do.
        Incomplete: Ray or the store was lost.
    """
    folder = output_folder(config.output)
    began = time.monotonic()
    made = make(config, segments)
    figures = complete(made.figures)
    write(figures, folder)
    if made.history is not None:
        _remember(made, made.history)
    night_verdict = made.figures.verdict
    for alert in night_verdict.alerts:
        if alert.folded_into is None:
            standing = ", standing since the night before" if alert.standing else ""
            log.warning("%s (%s%s): %s", alert.rule, alert.level, standing, alert.sentence)
    _warn_of_small(figures)
    log.info(
        "%s -> %s/%s, in %.0f s", night_verdict.sentence, folder.uri, HTML, time.monotonic() - began
    )
    return figures


def _warn_of_small(figures: Figures) -> None:
    """Warn if all rewards are so small that the steps in which moments are counted matter."""
    found = figures.whole.tonight
    farthest = max(abs(found.minimum), abs(found.maximum)) if found is not None else 0.0
    if 0 < farthest < SMALL:
        log.warning(
            "no number of the column %s is farther from 0 than %.2g: means and standard deviations "
            "are counted in steps of 6e-8, and may be wrong; give a column of larger numbers",
            figures.column,
            farthest,
        )


def _remember(made: Reported, history: History) -> None:
    """Store the night in the history, unless parts of its rewards are missing."""
    figures = made.figures
    if missing := figures.run.missing_parts:
        log.warning(
            "the night %s is not stored in the history: %d parts of its rewards are missing; "
            "report it again once the run is complete",
            figures.night,
            missing,
        )
    else:
        history.write(figures.night, figures.verdict.status, made.rows)
        if made.repeats_by is not None:
            seen_files(history, made.repeats_by).write(figures.night, made.seen)


def fail_if_alerted(said: NightVerdict) -> None:
    """Raise Alerted if an alert fails the night."""
    if said.status == "fail":
        raise Alerted(said.sentence)


def dry_run(config: ReportConfig) -> str:
    """Return the summary that `report` would write. Nothing is written."""
    return summary(make(config).figures)


def make(config: ReportConfig, segments: Mapping[str, Sequence[int]] = NO_SEGMENTS) -> Reported:
    """Make the report, without writing anything.

    Args:
        config: the configuration.
        segments: segments of the scoring run that earlier nights have, by name, if they are known.

    Raises:
        Refused: the run, a column, the baseline or the history is not as it should be.
    """
    rewards = config.rewards
    run = open_scored(
        rewards.path, rewards.storage, rewards.segments, allow_incomplete=rewards.allow_incomplete
    )
    pinned = pinned_run(config, run)
    history, past = open_history(config, run)
    join_cluster()
    check_task(config.tasks.cpus, "tasks.cpus")
    with ray_faults():
        by = repeats_key(run, config)
        measured = count(run, config, "id" if by == "id" else None)
        seen, found, files = see(run, config, measured), None, files_came(run)
        night = Night.of(measured).with_files(files.told())
        if by is not None:
            earlier = seen_files(history, by) if history is not None else None
            known = earlier.before(config.night, config.repeats.nights) if earlier else ()
            found = find(seen, known)
            night = night.with_repeats(found.by_label)
        baseline, asked = Baseline(), config.baseline
        if history is not None:
            baseline = Baseline.of_history(
                history,
                past,
                nights=asked.nights,
                accept=asked.accept,
                night=config.night,
                weekend=asked.weekend_days,
            )
        counted = None
        if pinned is not None:
            counted = pinned, count(pinned, config)
            run_nights = Baseline.of_run(Night.of(counted[1]), len(pinned.segments))
            baseline = run_nights.with_counts(baseline)
        figures, rows = _figures(
            config, run, measured=measured, night=night, baseline=baseline, past=past
        )
        names = {label: group.names for label, group in baseline.groups.items()}
        alerted = alerted_documents(
            figures.verdict.alerts, run, measured, Before(counted, names, segments), config
        )
    facts = None
    if by is not None and found is not None:
        facts = RepeatsFacts(by=by, nights=found.nights, sampled=found.sampled)
    figures = figures.model_copy(update={"repeats": facts, "files": files, "alerted": alerted})
    return Reported(figures, history, seen, by, rows)


def _figures(
    config: ReportConfig,
    run: ScoredRun,
    measured: Measured,
    night: Night,
    baseline: Baseline,
    past: list[PastNight],
) -> tuple[Figures, list[tuple[GroupNight, GroupResult]]]:
    """Return the figures of the report, and the rows of its file in the history."""
    expected = {label: group.expected for label, group in baseline.groups.items()}
    kept = largest(night, expected, config.page.max_groups)
    night, baseline = night.gather(kept), baseline.gather(kept)
    mix = split(night.groups, baseline.groups)
    comparisons, alpha, night_verdict = _judge(config, night, baseline=baseline, past=past, mix=mix)
    whole = comparisons[None]
    edges = bin_edges(whole)
    figures = partial(group_figures, edges=edges, rules=config.alerts, p=alpha)
    retained = retention(night.whole.histogram, measured.kept(config.page.cut))
    report_figures = Figures(
        night=config.night,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        by=config.by,
        column=config.rewards.column,
        kind=_kind(run, config.rewards.column),
        verdict=night_verdict,
        baseline=_baseline_facts(config, baseline),
        drift_above=config.alerts.drift.above,
        whole=figures(whole),
        groups=[figures(group) for group in in_order(comparisons)],
        gathered=night.gathered,
        edges=edges,
        mix=mix,
        trend=trend(past[-(config.history.shown - 1) :], config.night, night, night_verdict),
        retention=retained,
        retained_groups=by_group(retained, night.groups, config.page.cut, measured.kept_of),
        cut=config.page.cut,
        blind=blind(night, measured.sample),
        documents=show(choose(measured, retained, config.page.cut), run, config),
        run=run_facts(run, measured, config),
    )
    return report_figures, _rows(comparisons, night_verdict)


def _kind(run: ScoredRun, column: str) -> str:
    """Return the kind of a column's numbers; float32 of a night without rewards."""
    if not run.shards:
        return "float32"
    return kind_of(ColumnPath(column).of(schema_of(run).empty_table()).type)


def _judge(
    config: ReportConfig,
    night: Night,
    baseline: Baseline,
    past: list[PastNight],
    mix: Mix | None,
) -> tuple[dict[str | None, Comparison], float, NightVerdict]:
    """Return the comparisons, the largest p with which a candidate alerts, and the verdict."""
    log.info("comparing %d groups with the baseline", len(night.groups))
    means = partial(nightly_means, past=past, accept=config.baseline.accept)
    comparisons: dict[str | None, Comparison] = {
        None: Comparison.of(night.whole, baseline.whole, config.night, means=means(None))
    }
    for label in dict.fromkeys([*night.groups, *baseline.groups]):
        tonight = night.groups.get(label, GroupNight(label))
        before = baseline.groups.get(label)
        since = accepted_since(label, config.baseline.accept)
        # a group that was counted in OTHER may be an old one
        is_known = label in baseline.gone or any(
            OTHER in earlier.groups for earlier in baseline.past
        )
        # a group is accepted from tonight on: no earlier night counts, and it is not new
        is_known |= bool(since) and all(earlier.night < since for earlier in past)
        if before is None and baseline.whole is not None and not is_known:
            before = BaselineGroup(GroupNight(label), baseline.whole.nights)
        comparisons[label] = Comparison.of(tonight, before, config.night, means=means(label))
    before_tonight = {label for earlier in past for label in earlier.groups}
    names = {"*", *map(name_of, {*comparisons, *before_tonight})}
    _warn_of_accepted(config, past)
    if unknown := [name for name in config.baseline.accept if name not in names]:
        log.warning("baseline.accept: there is no group %s", ", ".join(unknown))
    rules = config.alerts
    alerts, comparisons, looked = fired(comparisons, rules)
    last = past[-1].groups if past else {}
    stood = {
        (label, rule): strength
        for label, group in last.items()
        for rule, strength in group.said.strengths.items()
    }
    shown = {(label, rule) for label, group in last.items() for rule in group.said.shown}
    night_verdict = verdict(
        alerts, rules, stood=stood, shown=shown, mix=mix, comparisons=comparisons
    )
    return comparisons, rules.false_per_night / max(1, looked), night_verdict


def _warn_of_accepted(config: ReportConfig, past: list[PastNight]) -> None:
    """Warn of accepted nights that the history does not have: no night before them counts."""
    known = {config.night, *(before.night for before in past)}
    for group, night in config.baseline.accept.items():
        if night not in known and (not past or night > past[0].night):
            log.warning(
                "baseline.accept: %s: there is no night %s in the history; nights are sorted by "
                "name, and no night before that name counts",
                group,
                night,
            )


def _rows(
    comparisons: Mapping[str | None, Comparison], said: NightVerdict
) -> list[tuple[GroupNight, GroupResult]]:
    """Return the rows of the night's file in the history."""
    rows = []
    for label, group in comparisons.items():
        alerts = [alert for alert in said.alerts if alert.label == label]
        rows.append(
            (
                group.tonight,
                GroupResult(
                    wasserstein=group.effects.wasserstein if group.effects else None,
                    alerts=tuple(alert.rule for alert in alerts),
                    shown=tuple(alert.rule for alert in alerts if alert.folded_into is None),
                    baseline=group.baseline.names if group.baseline else (),
                    effects=tuple(alert.strength for alert in alerts),
                ),
            )
        )
    return rows


def _baseline_facts(config: ReportConfig, baseline: Baseline) -> BaselineFacts:
    pinned = config.baseline.path
    kind = "none" if baseline.whole is None else "run" if pinned else "history"
    documents = baseline.whole.pooled.documents if baseline.whole else 0
    return BaselineFacts.model_validate(
        {
            "kind": kind,
            "path": pinned or config.history.path,
            "nights": baseline.names,
            "documents": documents,
        }
    )
