"""A run from its beginning to its end: survey, plan, rounds, and the final count."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rm_ray.cluster.join import connect
from rm_ray.cluster.machines import spreads_tasks
from rm_ray.corpus.plan import Planned, missing_units, shards_of
from rm_ray.errors import Incomplete, one_line, way_on
from rm_ray.run.counts import RunProgress
from rm_ray.run.faults.handle import NoAnswer
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.suspicion import Suspicion
from rm_ray.run.faults.tally import Tally
from rm_ray.run.finish import finish
from rm_ray.run.output.folder import RunFolder, no_empty_folders
from rm_ray.run.output.lease import Lease
from rm_ray.run.progress.log import ProgressLog
from rm_ray.run.progress.outlook import Whole
from rm_ray.run.rounds import run_rounds
from rm_ray.run.shard_job import AnyJob
from rm_ray.run.staging import Staging
from rm_ray.run.stopping import StopWhenAsked
from rm_ray.run.survey import Survey, open_folder, open_run, survey

log = logging.getLogger(__name__)


def execute(job: AnyJob) -> None:
    """Do the part of the job that is not done yet.

    Raises:
        Refused: the job cannot run as it is configured. Nothing was done; the error says how to
            correct it.
        Incomplete: the run ended with documents missing or too many failed.
    """
    began = time.monotonic()
    with ray_faults():
        opened = open_folder(job)
        with no_empty_folders(opened.run.root.scratch):
            opened.run.make_writable()
            # the lease is held during planning and the wait for machines, so that readers see that
            # a driver is at work, and a second driver is refused before it takes machines
            with Lease(opened.run.state) as lease:
                _run(survey(job, opened, to_run=True), job, lease, began)


def _run(seen: Survey, job: AnyJob, lease: Lease, began: float) -> None:
    run, files, spec = seen.run, seen.files, job.spec
    shards = list(shards_of(files))
    if _nothing_to_do(seen, job):
        _log_plan(job, run, len(files), Whole.of([], job, len(shards)))
        open_run(seen, job)
        lease.check()
        finish(seen, job, RunProgress(work=spec.counts()), began)
        return
    here = spec.runs_here and not spreads_tasks()
    if not here:
        connect()
    engines = job.wait_for_engines()
    tally = start_tally(spec.counts, engines, spec.silence_s, spec.start_s, here=here)
    lease.tell(
        lost=lambda reason: tally.tell(Tally.halt, reason),
        renewed=lambda: tally.tell(Tally.renewed),
        retrying=TellTally(tally, pauses=True),
    )
    open_run(seen, job)
    staging = Staging(run.parts, run.staged, seen.fingerprint, job, dict(seen.new.columns))
    if spec.retry_failed:
        present = {file.path for file in seen.found.files}
        reopen_failed([f for f in files if f.path in present], run, staging)
    units = missing_units(files, run.committed(() if run.is_new else shards))
    if units:
        run.mark_incomplete()
    whole = Whole.of(units, job, len(shards))
    _log_plan(job, run, len(files), whole)
    suspicion = Suspicion(lambda span: job.documents(span).tolist())
    shown = ProgressLog(tally, job, run, whole, suspicion.given_up)
    with shown, StopWhenAsked(tally, shown.left, [lease.give_back, shown.put_down]):
        run_rounds(
            units=units,
            job=job,
            planning=seen.new,
            run=run,
            staging=staging,
            tally=tally,
            engines=engines,
            suspicion=suspicion,
            here=here,
        )
    lease.check()
    finish(seen, job, shown.ask(), began)


def _nothing_to_do(seen: Survey, job: AnyJob) -> bool:
    """Return True if everything is committed already, so that no engine need be started."""
    if job.spec.retry_failed or seen.new.files:
        return False
    return not missing_units(seen.files, seen.run.committed(list(shards_of(seen.files))))


@contextmanager
def ray_faults() -> Iterator[None]:
    """Turn Ray's errors into a sentence with advice.

    Raises:
        Incomplete: instead of an error of Ray.
    """
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error if isinstance(error, NoAnswer) else error
        if not type(cause).__module__.startswith("ray."):
            raise
        raise Incomplete(
            f"Ray has lost a process that the run needs: {one_line(error)}; {way_on(cause)}"
        ) from error


def reopen_failed(files: Sequence[Planned], run: RunFolder, staging: Staging) -> None:
    """Take back the parts with failed documents. Their good rows are kept as staged pieces."""
    shards = list(shards_of(files))
    committed = run.committed(shards)
    run.mark_incomplete()
    reopened = staging.reopen_failed([s for s in shards if s.part in committed])
    log.info("%d shards have failed documents, which are tried again", reopened)


def _log_plan(job: AnyJob, run: RunFolder, files: int, whole: Whole) -> None:
    shards = f"{whole.done + whole.parts} shards, {whole.done} done, {whole.parts} to do"
    log.info("%d %s, %s -> %s", files, job.spec.lines, shards, run.uri)
    if "://" in run.uri:
        level = logging.INFO if run.parts.conditional else logging.WARNING
        log.log(level, "%s: %s", run.uri, run.parts.create_only.value)
        if run.parts.lags:
            log.warning(
                "%s: listings of this store lack files that have just been written; each shard "
                "missing in a listing is asked for by name, which takes one request per shard",
                run.uri,
            )
