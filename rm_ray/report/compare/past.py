"""The history as a report reads it: the nights before, and what is odd about them."""

import logging

from rm_ray.report.compare.history import FORMAT, History, PastNight
from rm_ray.report.config import ReportConfig
from rm_ray.scored.run import ScoredRun

log = logging.getLogger(__name__)

# Nights that are looked at, at least: quiet ones may lie far back.
LOOKED_AT = 70


def open_history(config: ReportConfig, run: ScoredRun) -> tuple[History | None, list[PastNight]]:
    """The history, if there is one, and its last nights before this one.

    Raises:
        OutputError: it holds this night by other settings.
        InputError: it cannot be read.
    """
    if config.history.path is None:
        return None, []
    settings = {
        "format": FORMAT,
        "fingerprint": run.fingerprint,
        "column": config.rewards.column,
        "by": config.by,
    }
    history = History.at(config.history.path, config.history.storage, settings)
    history.check(config.night)
    _warn(config, run, history)
    past, others = history.before(config.night, max(config.history.shown, LOOKED_AT))
    if others:
        log.warning(
            "%d nights of the history are passed over, the last %s: their rewards are of another "
            "judge, column or grouping",
            len(others),
            others[-1],
        )
    return history, past


def _warn(config: ReportConfig, run: ScoredRun, history: History) -> None:
    if later := [name for name in history.names() if name > config.night]:
        log.warning(
            "%d nights of the history come after %s by their names, the last is %s: they are not "
            "looked at",
            len(later),
            config.night,
            later[-1],
        )
    if config.rewards.segments is None and len(run.segments) > 1:
        log.warning(
            "the whole run is reported as one night, all %d segments of it; what was new last is "
            "--rewards.segments -1",
            len(run.segments),
        )
