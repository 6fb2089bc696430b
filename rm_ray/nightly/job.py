"""The nightly job: one command for a scheduler, resumable as a whole.

score     what is new in the corpus            one run of all nights, OUTPUT/scored
claim     its new segments are tonight's       nights
report    tonight beside the nights before     OUTPUT/reports/NIGHT, OUTPUT/history
filter    tonight's documents, where asked     OUTPUT/kept/night=NIGHT

A night that was begun and not finished is finished first, under its own name.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from rm_ray.errors import Alerted, Incomplete, InputError
from rm_ray.filter.job import filter_corpus
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.nights import ClaimedNight, Nights, free_name, unclaimed
from rm_ray.report.job import output_folder, report
from rm_ray.run.scored import ScoredRun, open_scored
from rm_ray.score.job import dry_run as score_dry_run
from rm_ray.score.job import score

log = logging.getLogger(__name__)


def nightly(config: NightlyConfig) -> None:
    """Score, report and filter tonight; the same call again goes on where the last one ended.

    Raises:
        Refused: with what to do.
        Incomplete: documents are missing, or too many failed; where all that is new was scored, it
            was reported and filtered before that is said.
        Alerted: an alert fails a night.
    """
    nights = Nights.at(config.output, NIGHTS)
    finished = [_finish(one, nights, config) for one in nights.all() if one.status is None]
    incomplete = _score(config)
    known = nights.all()
    run = _scored(config)
    new = unclaimed(run.segments, known)
    tonight = next((one for one in known if one.night == config.night), None)
    if new or tonight is None:
        claimed = nights.claim(free_name(config.night, known), new)
        finished.append(_finish(claimed, nights, config))
    elif tonight.night not in {one.night for one in finished}:
        log.info("the night %s is done, and nothing is new; its verdict stands", tonight.night)
        finished.append(tonight)
    if incomplete:
        raise incomplete
    _fail_if_alerted(finished)


def dry_run(config: NightlyConfig) -> str:
    """What scoring would cost, and which nights are not finished; nothing is written."""
    begun = [one.night for one in Nights.at(config.output, NIGHTS).all() if one.status is None]
    page = score_dry_run(config.scoring())
    return "\n".join([page, *[f"not finished   the night {night}" for night in begun]])


def _score(config: NightlyConfig) -> Incomplete | None:
    """Score what is new. A run that is not complete is returned if tonight's rewards are there all
    the same: too many failed documents are for the report to show.
    """
    try:
        score(config.scoring())
    except Incomplete as error:
        try:
            _scored(config)
        except InputError:
            raise error from None
        log.error("%s; what was scored is reported first", error)
        return error
    return None


def _scored(config: NightlyConfig) -> ScoredRun:
    """The scoring run, of which every shard is there.

    Raises:
        InputError: some are missing.
    """
    output = config.scoring().output
    every = open_scored(output.path, output.storage, allow_incomplete=True).segments
    return open_scored(output.path, output.storage, every)


def _finish(one: ClaimedNight, nights: Nights, config: NightlyConfig) -> ClaimedNight:
    """Report and filter a night that has its segments."""
    reporting = config.reporting(one.night, one.segments)
    output_folder(reporting.output)
    log.info("the night %s: segments %s", one.night, one.segments or "none, nothing is new")
    figures = report(reporting)
    filtering = config.filtering(one.night, one.segments)
    if filtering and figures.whole.documents:
        filter_corpus(filtering)
    said = replace(one, status=figures.verdict.status, sentence=figures.verdict.sentence)
    nights.done(said)
    return said


def _fail_if_alerted(finished: Sequence[ClaimedNight]) -> None:
    failing = [f"{one.night}: {one.sentence}" for one in finished if one.status == "fail"]
    if failing:
        raise Alerted("; ".join(failing))
