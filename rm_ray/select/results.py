"""Makes the figures of a finished selection, and writes them: JSON, Markdown and a page."""

import json
import logging
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rm_ray.corpus.groups import group_name
from rm_ray.errors import Incomplete
from rm_ray.filter.quotas import ELSE
from rm_ray.judges.preference.rule_file import ALL, band_ends
from rm_ray.judges.preference.stopping import Band
from rm_ray.report.show.folder import as_json, write_files
from rm_ray.run.standing.status import read_standing
from rm_ray.scored.run import ScoredRun
from rm_ray.select.began import Began
from rm_ray.select.calibrated import Calibrated
from rm_ray.select.config import CHEAP, DECIDED, KEPT, SAMPLE, SelectConfig
from rm_ray.select.figures import (
    AuditFigures,
    CostFigures,
    GroupFigures,
    SelectFigures,
    ShareFigures,
    StageFigures,
    TrialFigures,
)
from rm_ray.select.outcome import Outcome, count_outcomes
from rm_ray.select.page import page
from rm_ray.select.sample import WholeDocuments
from rm_ray.select.stage_rows import StageRows
from rm_ray.select.statistics.audit import Share, audit
from rm_ray.select.statistics.chain import Chain
from rm_ray.select.words import sentence, summary
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

JSON, SUMMARY, HTML = "select.json", "select.md", "select.html"


@dataclass(frozen=True)
class Selected:
    """A Selected is a finished selection."""

    config: SelectConfig
    """The selection's configuration."""
    began: Began
    """The corpus and the sample that it began with."""
    calibrated: Calibrated
    """The stop rule, and how it was found."""
    runs: Mapping[str, ScoredRun]
    """The stages, by name, in order."""
    whole: WholeDocuments | None
    """The documents of the sample; None without one."""
    cuts: Mapping[str, float]
    """The reward of the best dropped document, by group label; empty for a fixed cut."""
    bands: Mapping[str, Band]
    """The band of each group's cut by label, after it was widened."""
    widenings: int
    """How often a cut lay outside of its band."""
    decided: ScoredRun
    """The decided documents."""


def write_results(made: Selected, folder: Folder) -> None:
    """Write select.json, select.md and select.html, and then `_SUCCESS`.

    Raises:
        OutputError: the folder cannot be written.
        Incomplete: the filter's manifest is gone.
    """
    figures = figures_of(made, _manifest(folder))
    files = {
        JSON: as_json(figures),
        SUMMARY: summary(figures).encode(),
        HTML: page(figures),
        "_SUCCESS": b"",
    }
    write_files(files, folder)
    for line in summary(figures).splitlines():
        if line and not line.startswith("|"):
            log.info("%s", line.lstrip("#- "))
    log.info("the page: %s/%s; the kept documents: %s/%s", folder.uri, HTML, folder.uri, KEPT)


def figures_of(made: Selected, manifest: Mapping[str, Any]) -> SelectFigures:
    """Return the figures of a selection.

    Args:
        made: the selection.
        manifest: the manifest of the filter that wrote the kept documents.
    """
    config, said = made.config, made.calibrated.said
    outcomes = count_outcomes(StageRows.of(DECIDED, made.decided), config)
    kept = Counter[str]()
    for row in manifest["outcomes"]:
        if row["kept"]:
            kept[row["group"]] += row["documents"]
    documents = sum(count for of, count in outcomes.items() if of.has_reward)
    judged = [of for of in outcomes if of.has_reward]
    figures = SelectFigures(
        sentence="",
        corpus=config.input.paths,
        judge=config.judge.model,
        cheap_judge=config.cheap.judge.model if config.cheap else None,
        rule=_rule(config),
        by_tokens=config.rule.choice == "keep_tokens" or config.rule.weight == "tokens",
        max_wrong=config.select.max_wrong,
        failure=config.select.failure,
        documents=documents,
        without_decision=sum(outcomes.values()) - documents,
        kept=sum(kept.values()),
        judged_whole=sum(outcomes[of] for of in judged if of.side == 0),
        by_cheap=sum(outcomes[of] for of in judged if of.stage == CHEAP),
        cost=_cost(made),
        stages=[_stage(name, run) for name, run in made.runs.items()],
        groups=_groups(made, outcomes, kept),
        reason=said["reason"],
        tested=said.get("tested", 0),
        needed=said.get("needed", 0),
        trials=[TrialFigures(**trial) for trial in said.get("trials", [])],
        audit=_audit(made, sum(kept.values()) / max(1, documents)),
        widenings=made.widenings,
        decided=made.decided.uri.rpartition("/")[2],
    )
    return figures.model_copy(update={"sentence": sentence(figures)})


def _manifest(folder: Folder) -> dict[str, Any]:
    data = (folder / KEPT).read("manifest.json")
    if data is None:
        raise Incomplete(
            f"{folder.uri}/{KEPT}/manifest.json is gone; remove {folder.uri}/{KEPT} and run the "
            "same command again"
        )
    found: dict[str, Any] = json.loads(data)
    return found


def _rule(config: SelectConfig) -> str:
    rule = config.rule
    if rule.choice == "min_reward":
        return f"--rule.min_reward {rule.min_reward}"
    quotas = {group: str(quota) for group, quota in rule.quotas.items()}
    number = quotas[ELSE] if list(quotas) == [ELSE] else json.dumps(quotas, ensure_ascii=False)
    by = f" --rule.by {','.join(rule.by)}" if rule.by else ""
    weight = f" --rule.weight {rule.weight}" if rule.weight != "documents" else ""
    return f"--rule.{rule.choice} {number}{weight}{by}"


def _stage(name: str, run: ScoredRun) -> StageFigures:
    totals = run.totals or {}
    standing = read_standing(run.state)
    return StageFigures(
        name=name,
        documents=totals.get("documents", 0),
        windows=totals.get("windows", 0),
        forwarded_tokens=totals.get("forwarded_tokens", 0),
        hours=standing.hours if standing else 0.0,
    )


def _cost(made: Selected) -> CostFigures:
    """Return the cost of the judge's stages beside judging every document whole.

    If a cheap judge has decided some documents, they are taken to be as long as the sample's.
    """
    stages = [_stage(name, run) for name, run in made.runs.items()]
    cheap = [stage for stage in stages if stage.name == CHEAP]
    judge = [stage for stage in stages if stage.name != CHEAP]
    forwarded = sum(stage.forwarded_tokens for stage in judge)
    if made.calibrated.cheap:
        totals = made.runs[SAMPLE].totals or {}
        each = totals["whole_minimum_tokens"] / max(1, totals["documents"])
        whole = round(each * made.began.documents)
    else:
        first = [run.totals or {} for name, run in made.runs.items() if name != CHEAP]
        own = [
            totals for totals, stage in zip(first, judge, strict=True) if "wider" not in stage.name
        ]
        whole = sum(totals["whole_minimum_tokens"] for totals in own)
    return CostFigures(
        forwarded_tokens=forwarded,
        whole_tokens=whole,
        share=forwarded / whole if whole else 0.0,
        hours=sum(stage.hours for stage in judge),
        cheap_tokens=sum(stage.forwarded_tokens for stage in cheap),
        cheap_hours=sum(stage.hours for stage in cheap),
    )


def _groups(
    made: Selected, outcomes: Mapping[Outcome, int], kept: Mapping[str, int]
) -> list[GroupFigures]:
    bands = made.calibrated.rule.bands
    found = []
    for label in sorted({of.group for of in outcomes}):
        own = {of: count for of, count in outcomes.items() if of.group == label and of.has_reward}
        cut = made.cuts.get(label, made.config.rule.min_reward)
        found.append(
            GroupFigures(
                name=group_name(label),
                documents=sum(own.values()),
                kept=kept.get(label, 0) if made.config.groups_by else sum(kept.values()),
                cut=float(cut) if cut is not None and math.isfinite(cut) else None,
                band=band_ends(bands[label]) if label in bands else None,
                early_kept=sum(count for of, count in own.items() if of.side > 0),
                early_dropped=sum(count for of, count in own.items() if of.side < 0),
            )
        )
    return found


def _audit(made: Selected, kept_share: float) -> AuditFigures | None:
    """Return the error that the audit measured; None without an audit, or without decisions."""
    whole = made.whole
    if whole is None or whole.calibrates.all() or not made.calibrated.decides:
        return None
    rule = made.calibrated.rule
    labels = whole.labels if made.config.groups_by else [ALL]
    # a group without a cut keeps everything, unless the cut is a fixed one
    fixed = made.config.least_reward
    otherwise = -math.inf if fixed is None else fixed
    # a document that is as good as the best dropped one is dropped too, unless it is a tie
    cuts = [
        math.nextafter(made.cuts[label], math.inf) if label in made.cuts else otherwise
        for label in labels
    ]
    chain = Chain(
        rule.table, tuple(rule.bands.get(label) for label in labels), made.calibrated.cheap
    )
    wider = tuple(made.bands.get(label) for label in labels)
    found, each = audit(chain, whole.part(calibrates=False), tuple(cuts), wider)
    wrong = found.wrong_keeps
    if made.config.rule.relative:
        # a right document that was dropped leaves its place to a wrong one (see calibrate.py)
        most = sum(max(of.wrong_keeps.found, of.wrong_drops.found) for of in each)
        wrong = Share.of(most, wrong.documents)
    return AuditFigures(
        wrong_keeps=_share(found.wrong_keeps),
        wrong_drops=_share(found.wrong_drops),
        decided=_share(found.decided),
        wrong_of_kept=[
            min(1.0, end / kept_share) if kept_share else 0.0 for end in (wrong.low, wrong.high)
        ],
    )


def _share(of: Share) -> ShareFigures:
    return ShareFigures(found=of.found, of=of.documents, low=of.low, high=of.high)
