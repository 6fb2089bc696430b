"""The end of a run: counts every part, stores the totals, and reports the result."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rm_ray.corpus.plan import Planned, shards_of
from rm_ray.errors import Incomplete
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.output.commit import part_bytes
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.run_json import installed_versions
from rm_ray.run.shard_job import AnyJob
from rm_ray.run.standing.status import read_standing
from rm_ray.run.survey import Survey
from rm_ray.run.totals import count_parts, empty_part, orphans

log = logging.getLogger(__name__)


def finish(
    seen: Survey,
    job: AnyJob,
    progress: RunProgress,
    began: float,
) -> None:
    """Count every part, store the totals, and report whether the run is complete.

    Args:
        seen: the survey from before the run, with the files that could not be planned.
        job: the job that ran.
        progress: progress of this invocation.
        began: when this invocation began, by time.monotonic, in seconds.

    Raises:
        Incomplete: parts are missing or wrong, too many documents failed, or no document is done
            because no file could be read.
    """
    run, files, spec, skipped = seen.run, seen.files, job.spec, seen.new.skipped
    if spec.skips_bad_files:
        skipped = {**skipped, **progress.bad_files}
    committed = run.committed(s for s in shards_of(files) if s.file in skipped)
    shards = [s for s in shards_of(files) if s.part in committed or s.file not in skipped]
    totals, problems = count_parts(shards, run.parts, seen.fingerprint, job)
    problems += orphans(committed, files)
    seconds = time.monotonic() - began
    stored = {"shards": len(shards), **totals.stored(), "skipped_files": dict(skipped)}
    of_run = {
        "totals": {"problems": len(problems), **stored},
        "this_invocation": {"seconds": round(seconds, 3), **asdict(progress)},
        "versions": installed_versions(),
    }
    of_job = job.summary.metrics(totals, progress, run.metrics(), seen.new)
    _write_metrics(_merged(of_job, of_run), run)
    for line in job.summary.closing(totals, progress, seen.new):
        log.info("%s", line)
    if spec.price.is_asked and (here := read_standing(run.state)):
        log.info("cost of the run so far: %s", spec.price.text(here.hours))
    if problems:
        _take_down(run)
        raise Incomplete(incomplete_text(problems, len(shards), progress, skipped))
    if skipped and not totals.documents:
        _take_down(run)
        raise Incomplete(f"no document is done{skipped_text(skipped)}")
    if files and not shards:
        _write_no_rows(files[0], seen, job)
    run.discard_staged(skipped)
    try:
        job.leave(totals, run, seen.new)
    except Incomplete:
        _take_down(run)
        raise
    run.mark_complete(stored)
    check_failed(totals, job, run, skipped)
    log.info("complete: %s%s", run.uri, skipped_text(skipped))


def _write_no_rows(first: Planned, seen: Survey, job: AnyJob) -> None:
    """Write the empty part of a corpus without rows.

    Readers would not accept a folder without a file as a data set.
    """
    rows = job.no_rows(seen.new.columns)
    if rows is not None:
        data = part_bytes(rows, job.spec.counts().to_json(), seen.fingerprint)
        seen.run.parts.create(empty_part(first), data)


def check_failed(
    totals: RunCounts, job: AnyJob, run: RunFolder, skipped: Mapping[str, str]
) -> None:
    """Check the fraction of documents that failed or were rejected.

    Raises:
        Incomplete: it is too large.
    """
    if why := job.too_many_wrong(totals, run):
        raise Incomplete(f"{why}{skipped_text(skipped)}")


def incomplete_text(
    problems: Sequence[str], shards: int, now: RunProgress, skipped: Mapping[str, str]
) -> str:
    """Say why the run is not complete, and what to do, for the closing line."""
    missing = [problem for problem in problems if problem.endswith(": missing")]
    wrong = [problem for problem in problems if not problem.endswith(": missing")]
    stopped = f"stopped before the end, {now.stopped.rstrip('.')}: " if now.stopped else ""
    reason = ""
    # the error of a skipped file is not the reason
    fault = now.last_fault if now.first_fault in skipped.values() else now.first_fault
    if fault and not now.stopped:
        reason = f"; first reason: {fault.rstrip('.')}"
    reason += skipped_text(skipped)
    if wrong:
        return (
            f"{stopped}{len(wrong)} parts are wrong, first {wrong[0]}; remove them and run the "
            f"same command again ({len(missing)} of {shards} shards are not done{reason})"
        )
    on = "Once this is put right, run" if now.stopped else "Run"
    return (
        f"{stopped}{len(missing)} of {shards} shards are not done, first {missing[0]}{reason}. "
        f"{on} the same command again to go on"
    )


def skipped_text(skipped: Mapping[str, str]) -> str:
    """Return the end of the closing sentence of a run that has skipped some files."""
    if not skipped:
        return ""
    first = next(iter(skipped.values()))
    return f"; without {len(skipped)} unreadable input files, first: {first}"


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two dictionaries and their sections. In a section, the first one's values win."""
    merged = {**first, **second}
    for name in first.keys() & second.keys():
        merged[name] = {**second[name], **first[name]}
    return merged


def _take_down(run: RunFolder) -> None:
    """Remove `_SUCCESS`: an earlier invocation may have been complete, and a part damaged since."""
    try:
        run.mark_incomplete()
    except OSError as error:
        log.warning("cannot take _SUCCESS down: %s", error)


def _write_metrics(metrics: dict[str, Any], run: RunFolder) -> None:
    try:
        run.write_metrics(metrics)
    except OSError as error:
        log.warning("cannot write metrics.json: %s", error)
