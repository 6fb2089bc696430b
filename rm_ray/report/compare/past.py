"""Opening the history for a report, with warnings of oddities in it."""

import logging

from rm_ray.report.compare.history import FORMAT, History, PastNight
from rm_ray.report.compare.seen_files import SeenFiles
from rm_ray.report.config import ReportConfig
from rm_ray.scored.run import ScoredRun

log = logging.getLogger(__name__)

# At least so many nights are read: quiet nights may lie far back.
LOOKED_AT = 70


def open_history(config: ReportConfig, run: ScoredRun) -> tuple[History | None, list[PastNight]]:
    """Open the history, if there is one, and read its last nights before this night.

    Raises:
        OutputError: the history holds this night with other settings.
        InputError: the history cannot be read.
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
            "skipping %d nights of the history, the last %s: their rewards are of another judge, "
            "column or grouping",
            len(others),
            others[-1],
        )
    return history, past


def seen_files(history: History, by: str) -> SeenFiles:
    """Return the files of a history with the hashes of each night's documents.

    Args:
        history: the history.
        by: what is hashed. Another judge may count the tokens of a document otherwise.
    """
    settings = {"format": FORMAT, "by": by}
    if by == "id":
        settings["fingerprint"] = history.settings["fingerprint"]
    return SeenFiles(history.folder, settings)


def _warn(config: ReportConfig, run: ScoredRun, history: History) -> None:
    if later := [name for name in history.names() if name > config.night]:
        log.warning(
            "ignoring %d nights of the history: by their names they come after %s, the last is %s",
            len(later),
            config.night,
            later[-1],
        )
    if config.rewards.segments is None and len(run.segments) > 1:
        log.warning(
            "all %d segments of the run are reported as one night; to report only the newest "
            "documents, give --rewards.segments -1",
            len(run.segments),
        )
