"""The nightly job: one command for a scheduler, resumable as a whole.

begin     write tonight's file                      OUTPUT/nights/NIGHT.json
score     score the corpus's new documents          OUTPUT/scored, one run of all nights
claim     give the new segments to tonight          OUTPUT/nights/NIGHT.json
report    compare tonight with the nights before    OUTPUT/reports/NIGHT, OUTPUT/history
filter    filter tonight's documents, if asked      OUTPUT/kept/night=NIGHT, or held/
index     show all nights on one page               OUTPUT/index.html

If a night is interrupted, the segments that were planned in it stay that night's.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from rm_ray.errors import Alerted, Incomplete, Refused, RmRayError, redacted
from rm_ray.nightly.acceptances import Acceptances
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.finishing import finish
from rm_ray.nightly.index import write_index
from rm_ray.nightly.nights import KnownNight, Nights, free_name, unclaimed
from rm_ray.nightly.release import go_on_with_releases
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.score.job import dry_run as score_dry_run
from rm_ray.score.job import score

log = logging.getLogger(__name__)


def nightly(config: NightlyConfig) -> None:
    """Score, report and filter tonight; the same call again goes on where the last one ended.

    If several nights fail, the error of the first is raised after all others are finished.

    Raises:
        Refused: the job cannot run as it is configured; the error says how to correct it.
        Incomplete: documents are missing, or the store or Ray was lost.
        Alerted: an alert fails a night.
    """
    nights = Nights.at(config.output, NIGHTS).writable()
    go_on_with_releases(config.output, nights)
    _take_up(nights, config)
    begun = _begin(nights, config.night)
    try:
        score(config.scoring())
    except Refused:
        if begun:  # the night began just now, and nothing was planned
            nights.drop(begun)
        raise
    _claim(nights, config)
    accepted = Acceptances(nights.folder).all()
    known = nights.all()
    finished: list[KnownNight] = []
    failed: list[tuple[KnownNight, RmRayError | OSError]] = []
    for night in (night for night in known if night.status is None):
        try:
            finished.append(finish(night, nights, config, accepted))
        except (RmRayError, OSError) as error:
            failed.append((nights.read(night.night) or night, error))
    if not finished and not failed:
        finished = [night for night in known if night.answers(config.night)]
        for night in finished:
            log.info("nothing is new; the verdict of %s stands", night.night)
    write_index(config.output, nights)
    _tell(finished, failed)


def dry_run(config: NightlyConfig) -> str:
    """Return the cost of scoring and the nights that are not finished. Writes nothing."""
    begun = [
        known.night for known in Nights.at(config.output, NIGHTS).all() if known.status is None
    ]
    page = score_dry_run(config.scoring())
    return "\n".join([page, *[f"not finished   the night {night}" for night in begun]])


def _take_up(nights: Nights, config: NightlyConfig) -> None:
    """Continue earlier nights that were interrupted.

    The first interrupted night without segments gets all segments that no night owns; other nights
    without segments are removed.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    for night in known:
        if night.status is not None or night.asked == config.night:
            continue
        if night.segments is None and not new:
            nights.drop(night)
            continue
        if night.segments is None:
            night, new = replace(night, segments=new), []
        log.info("going on with the night %s, which was interrupted", night.night)
        nights.put(replace(night, also=tuple(dict.fromkeys([*night.also, config.night]))))


def _begin(nights: Nights, night: str) -> KnownNight | None:
    """Begin a night of this name, under the next free name; None if it has begun already."""
    known = nights.all()
    if any(begun.asked == night and begun.segments is None for begun in known):
        return None
    return nights.begin(KnownNight(free_name(night, known), night))


def _claim(nights: Nights, config: NightlyConfig) -> None:
    """Give the new segments to tonight.

    Without new segments, tonight is kept as a night without documents, unless another night that
    was asked for by this name, or that tonight continues, has segments or a verdict already.
    """
    known = nights.all()
    new = unclaimed(_planned(config), known)
    tonight = [night for night in known if night.answers(config.night)]
    begun = next((night for night in tonight if night.segments is None), None)
    begun = begun or KnownNight(free_name(config.night, known), config.night)
    if new or all(night.segments is None for night in tonight):
        nights.put(replace(begun, segments=new))
    else:
        nights.drop(begun)


def _planned(config: NightlyConfig) -> list[int]:
    """Return the numbers of the segments of the scoring run's plan."""
    run = RunFolder(config.scoring().output, REWARDS)
    return list(range(len(run.segments.names())))


def _line(night: KnownNight) -> str:
    """Return the line of a finished night: its verdict, its delivery and its sentence."""
    delivery = f", {night.delivery}" if night.delivery else ""
    return f"{night.night}: {night.status}{delivery}: {night.sentence}"


def _unfinished_line(night: KnownNight, error: RmRayError | OSError) -> str:
    """Return the line of a night that an error has stopped, with its verdict if it has one."""
    if night.said is None:
        return f"{night.night}: not finished: {error}"
    return f"{night.night}: {night.said}, not filtered ({error}): {night.sentence}"


def _tell(
    finished: Sequence[KnownNight], failed: Sequence[tuple[KnownNight, RmRayError | OSError]]
) -> None:
    """Tell each night in a line of its own, and raise the error of the worst, with its line.

    Raises:
        RmRayError: the first error of a night that is not finished.
        Alerted: an alert fails a night, or documents are held because an alert stands.
    """
    lines = [(known.night, _line(known), _needs_somebody(known)) for known in finished]
    lines += [(known.night, _unfinished_line(known, error), True) for known, error in failed]
    last = failed[0][0].night if failed else next((n for n, _, needed in lines if needed), None)
    for name, line, needed in sorted(lines):
        if name != last:
            log.log(logging.ERROR if needed else logging.INFO, "%s", redacted(line))
    line = next((line for name, line, _ in lines if name == last), "")
    if failed:
        error = failed[0][1]
        kind = type(error) if isinstance(error, RmRayError) else Incomplete
        raise kind(line)
    if last is not None:
        raise Alerted(line)


def _needs_somebody(night: KnownNight) -> bool:
    """Return True if an alert fails a night, or its documents wait for somebody."""
    return night.status == "fail" or (night.delivery is not None and night.delivery.is_held)
