"""The nightly job: one command for a scheduler, resumable as a whole.

begin     tonight is written down              OUTPUT/nights/NIGHT.json
score     what is new in the corpus            one run of all nights, OUTPUT/scored
claim     its new segments are tonight's       nights
report    tonight beside the nights before     OUTPUT/reports/NIGHT, OUTPUT/history
filter    tonight's documents, where asked     OUTPUT/kept/night=NIGHT

What was planned under the name of a night that was interrupted stays that night's.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from rm_ray.errors import Alerted, InputError, Refused
from rm_ray.filter.job import filter_corpus
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.nights import KnownNight, Nights, free_name, unclaimed
from rm_ray.report.job import report
from rm_ray.run.folder import RunFolder
from rm_ray.run.scored import REWARDS
from rm_ray.score.job import dry_run as score_dry_run
from rm_ray.score.job import score

log = logging.getLogger(__name__)


def nightly(config: NightlyConfig) -> None:
    """Score, report and filter tonight; the same call again goes on where the last one ended.

    Raises:
        Refused: with what to do; every night that can be finished is.
        Incomplete: documents are missing.
        Alerted: an alert fails a night.
    """
    nights = Nights.at(config.output, NIGHTS).writable()
    interrupted = _take_up(nights, config)
    begun = _begin(nights, config.night)
    try:
        score(config.scoring())
    except Refused:
        if begun:  # just now, and nothing was planned
            nights.drop(begun)
        raise
    _claim(nights, config, interrupted=interrupted)
    known, finished, refused = nights.all(), [], []
    for one in (one for one in known if one.status is None):
        try:
            finished.append(_finish(one, nights, config))
        except Refused as error:
            log.error("the night %s: %s", one.night, error)
            refused.append((one.night, error))
    if not finished and not refused:
        finished = [one for one in known if one.asked == config.night]
        for one in finished:
            log.info("nothing is new; the verdict of %s stands: %s", one.night, one.sentence)
    _say(finished, refused)


def dry_run(config: NightlyConfig) -> str:
    """What scoring would cost, and which nights are not finished; nothing is written."""
    begun = [one.night for one in Nights.at(config.output, NIGHTS).all() if one.status is None]
    page = score_dry_run(config.scoring())
    return "\n".join([page, *[f"not finished   the night {night}" for night in begun]])


def _take_up(nights: Nights, config: NightlyConfig) -> bool:
    """Give nights that were interrupted while they scored the segments that they had planned; those
    that had planned nothing are forgotten. Whether there are nights to finish besides tonight.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    others = [one for one in known if one.status is None and one.asked != config.night]
    for one in others:
        if one.segments is not None:
            continue
        if new:
            log.info("going on with the night %s, which was interrupted", one.night)
            nights.put(replace(one, segments=new))
            new = []
        else:
            nights.drop(one)
    return bool(others)


def _begin(nights: Nights, night: str) -> KnownNight | None:
    """Write tonight down; None where it was before."""
    if any(one.asked == night for one in nights.all()):
        return None
    return nights.begin(KnownNight(night, night))


def _claim(nights: Nights, config: NightlyConfig, *, interrupted: bool) -> None:
    """Give tonight what is new. A night without a document is one too, but not where it only went
    on with another.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    begun = next((o for o in known if o.asked == config.night and o.segments is None), None)
    if begun and not new and interrupted:
        nights.drop(begun)
    elif begun:
        nights.put(replace(begun, segments=new))
    elif new:
        name = free_name(config.night, known)
        nights.begin(KnownNight(name, config.night, new))


def _planned(config: NightlyConfig) -> list[int]:
    """Numbers of the segments of the scoring run's plan."""
    run = RunFolder(config.scoring().output, REWARDS)
    return list(range(len(run.segments.names())))


def _finish(one: KnownNight, nights: Nights, config: NightlyConfig) -> KnownNight:
    """Report and filter a night that has its segments."""
    segments = one.segments or []
    log.info("the night %s: segments %s", one.night, segments or "none, nothing is new")
    figures = report(config.reporting(one.night, segments))
    filtering = config.filtering(one.night, segments)
    if filtering and figures.whole.documents:
        filter_corpus(filtering)
    said = figures.verdict
    return nights.put(replace(one, status=said.status, sentence=said.sentence))


def _say(finished: Sequence[KnownNight], refused: Sequence[tuple[str, Refused]]) -> None:
    """Raises what the nights have come to."""
    failing = [f"{one.night}: {one.sentence}" for one in finished if one.status == "fail"]
    if refused:
        night, error = refused[0]
        alerts = f"; and {'; '.join(failing)}" if failing else ""
        raise InputError(
            f"{len(refused)} nights could not be finished, the first is {night}: {error}; put it "
            f"right, or leave out its filter with --skip_filter {night}{alerts}"
        )
    if failing:
        raise Alerted("; ".join(failing))
