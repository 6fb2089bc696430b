"""The end of a run: every part counted, the totals stored, and the truth said."""

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
    """Count every part, store the totals, and say the truth about the run.

    Args:
        seen: what was there before, with the files that could not even be planned.
        job: the job that ran.
        progress: of this invocation.
        began: when this invocation did, by time.monotonic.

    Raises:
        Incomplete: parts are missing or wrong, too many documents failed, or nothing is done
            since no file could be read.
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
    found = {
        "totals": {"problems": len(problems), **stored},
        "this_invocation": {"seconds": round(seconds, 3), **asdict(progress)},
        "versions": installed_versions(),
    }
    said = job.summary.metrics(totals, progress, run.metrics(), seen.new)
    _write_metrics(_merged(said, found), run)
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
    """The part of a corpus without rows: a folder without a file is no data set to any reader."""
    rows = job.no_rows(seen.new.columns)
    if rows is not None:
        data = part_bytes(rows, job.spec.counts().to_json(), seen.fingerprint)
        seen.run.parts.create(empty_part(first), data)


def check_failed(
    totals: RunCounts, job: AnyJob, run: RunFolder, skipped: Mapping[str, str]
) -> None:
    """Every document has been through, and `_SUCCESS` says no more than that.

    Raises:
        Incomplete: too many documents failed.
    """
    failed = totals.statuses.get("failed", 0)
    most = job.spec.max_failed_fraction
    if failed > most * totals.documents:
        raise Incomplete(
            f"{failed:,} of {totals.documents:,} documents failed, more than "
            f"run.max_failed_fraction {most:g} allows; their rows in {run.parts.uri} say why; "
            f"--run.retry_failed tries them again{skipped_text(skipped)}"
        )


def incomplete_text(
    problems: Sequence[str], shards: int, now: RunProgress, skipped: Mapping[str, str]
) -> str:
    """Why the run is not complete and what to do, in one sentence."""
    missing = [problem for problem in problems if problem.endswith(": missing")]
    wrong = [problem for problem in problems if not problem.endswith(": missing")]
    stopped = f"stopped before the end, {now.stopped.rstrip('.')}: " if now.stopped else ""
    reason = ""
    # a file that is left out is no reason
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
    """What to add to the closing sentence of a run that went on without some files."""
    if not skipped:
        return ""
    first = next(iter(skipped.values()))
    return f"; without {len(skipped)} unreadable input files, first: {first}"


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both, and the sections of either with what the other has for them."""
    found = {**one, **other}
    for name in one.keys() & other.keys():
        found[name] = {**other[name], **one[name]}
    return found


def _take_down(run: RunFolder) -> None:
    """Also where nothing was missing: a part may have been damaged since."""
    try:
        run.mark_incomplete()
    except OSError as error:
        log.warning("cannot take _SUCCESS down: %s", error)


def _write_metrics(metrics: dict[str, Any], run: RunFolder) -> None:
    try:
        run.write_metrics(metrics)
    except OSError as error:
        log.warning("cannot write metrics.json: %s", error)
