"""The end of a run: every part counted, the totals stored, and the truth said."""

import logging
import time
from collections.abc import Mapping, Sequence

from rm_ray.corpus.shards import PlannedFile, shards_of
from rm_ray.errors import Incomplete
from rm_ray.run.commit import count_parts, orphans
from rm_ray.run.folder import RunFolder
from rm_ray.run.tally import RunProgress
from rm_ray.score.cost import SPEED
from rm_ray.score.fingerprint import fingerprint_id
from rm_ray.score.job import Job
from rm_ray.score.summary import incomplete_text, metrics, skipped_text, totals_text

log = logging.getLogger(__name__)


def finish(
    plan: Sequence[PlannedFile],
    job: Job,
    run: RunFolder,
    skipped: Mapping[str, str],
    progress: RunProgress,
    began: float,
) -> None:
    """Count every part, store the totals, and say the truth about the run.

    Args:
        skipped: files that could not even be planned, with the reason.
        began: when this invocation did, by time.monotonic.

    Raises:
        Incomplete: parts are missing or wrong, or too many documents failed.
    """
    if job.config.input.on_bad_file == "skip":
        skipped = {**skipped, **progress.bad_files}
    committed = run.committed()
    shards = [s for s in shards_of(plan) if s.part in committed or s.file not in skipped]
    totals, problems = count_parts(shards, run.rewards, fingerprint_id(job.fingerprint), job.sample)
    problems += orphans(committed, plan)
    seconds = time.monotonic() - began
    found = metrics(totals, len(shards), problems, skipped, progress, seconds)
    if not progress.work.windows and (before := run.metrics()):
        found[SPEED] = before.get(SPEED)  # the last one measured: the next run is reckoned from it
    try:
        run.write_metrics(found)
    except OSError as error:
        log.warning("cannot write metrics.json: %s", error)
    for line in totals_text(totals, progress):
        log.info("%s", line)
    if problems:
        raise Incomplete(incomplete_text(problems, len(shards), progress))
    run.discard_staged(skipped)
    skipping = skipped_text(skipped)
    run.mark_complete({"shards": len(shards), **totals.stored(), "skipped_files": dict(skipped)})
    failed = totals.statuses.get("failed", 0)
    if failed > job.config.run.max_failed_fraction * totals.documents:
        # every document has its row, and _SUCCESS says no more than that
        raise Incomplete(
            f"{failed:,} of {totals.documents:,} documents failed, more than "
            f"run.max_failed_fraction {job.config.run.max_failed_fraction:g} allows; "
            f"their rows in {run.rewards.uri} say why; --run.retry_failed scores them again"
            f"{skipping}"
        )
    log.info("complete: %s%s", run.rewards.uri, skipping)
