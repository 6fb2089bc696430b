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

from rm_ray.errors import Alerted, Incomplete, Refused, RmRayError, redacted
from rm_ray.filter.job import filter_corpus
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.nights import KnownNight, Nights, free_name, unclaimed
from rm_ray.report.job import report
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.score.job import dry_run as score_dry_run
from rm_ray.score.job import score

log = logging.getLogger(__name__)


def nightly(config: NightlyConfig) -> None:
    """Score, report and filter tonight; the same call again goes on where the last one ended.

    Raises:
        Refused: with what to do.
        Incomplete: documents are missing, or the store or Ray was lost.
        Alerted: an alert fails a night.

    Of several nights, what is wrong with the first is raised once all others are finished.
    """
    nights = Nights.at(config.output, NIGHTS).writable()
    _take_up(nights, config)
    begun = _begin(nights, config.night)
    try:
        score(config.scoring())
    except Refused:
        if begun:  # just now, and nothing was planned
            nights.drop(begun)
        raise
    _claim(nights, config)
    known, finished, failed = nights.all(), [], []
    for one in (one for one in known if one.status is None):
        try:
            finished.append(_finish(one, nights, config))
        except (RmRayError, OSError) as error:
            log.error("the night %s: %s", one.night, redacted(str(error)))
            failed.append((one.night, error))
    if not finished and not failed:
        finished = [one for one in known if one.answers(config.night)]
        for one in finished:
            log.info("nothing is new; the verdict of %s stands: %s", one.night, one.sentence)
    _say(finished, failed)


def dry_run(config: NightlyConfig) -> str:
    """What scoring would cost, and which nights are not finished; nothing is written."""
    begun = [one.night for one in Nights.at(config.output, NIGHTS).all() if one.status is None]
    page = score_dry_run(config.scoring())
    return "\n".join([page, *[f"not finished   the night {night}" for night in begun]])


def _take_up(nights: Nights, config: NightlyConfig) -> None:
    """Go on with nights that were interrupted: those that had planned segments while they scored
    get them, those that had planned nothing are forgotten.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    for one in known:
        if one.status is not None or one.asked == config.night:
            continue
        if one.segments is None and not new:
            nights.drop(one)
            continue
        if one.segments is None:
            one, new = replace(one, segments=new), []
        log.info("going on with the night %s, which was interrupted", one.night)
        nights.put(replace(one, also=tuple(dict.fromkeys([*one.also, config.night]))))


def _begin(nights: Nights, night: str) -> KnownNight | None:
    """Write tonight down, or what has come since it; None where that is begun already."""
    known = nights.all()
    if any(one.asked == night and one.segments is None for one in known):
        return None
    return nights.begin(KnownNight(free_name(night, known), night))


def _claim(nights: Nights, config: NightlyConfig) -> None:
    """Give tonight what is new. A night without a document is one too, but not where there is
    another with its verdict.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    mine = [one for one in known if one.answers(config.night)]
    begun = next((one for one in mine if one.segments is None), None)
    begun = begun or KnownNight(free_name(config.night, known), config.night)
    if new or all(one.segments is None for one in mine):
        nights.put(replace(begun, segments=new))
    else:
        nights.drop(begun)


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
        try:
            filter_corpus(filtering)
        except Refused as error:
            raise type(error)(
                f"{error}; put it right, or leave out its filter with --skip_filter {one.night}"
            ) from None
    said = figures.verdict
    return nights.put(replace(one, status=said.status, sentence=said.sentence))


def _say(
    finished: Sequence[KnownNight], failed: Sequence[tuple[str, RmRayError | OSError]]
) -> None:
    """Raises what the nights have come to."""
    failing = [f"{one.night}: {one.sentence}" for one in finished if one.status == "fail"]
    if failed:
        night, error = failed[0]
        alerts = f"; and {'; '.join(failing)}" if failing else ""
        kind = type(error) if isinstance(error, RmRayError) else Incomplete
        raise kind(
            f"{len(failed)} nights could not be finished, the first is {night}: {error}{alerts}"
        )
    if failing:
        raise Alerted("; ".join(failing))
