"""Before a run: what its output folder holds, what the corpus holds, and what that leaves to do."""

import logging
from dataclasses import dataclass
from typing import Any

from rm_ray.cluster import join_cluster, spreads_tasks
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.plan import Planned
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.run_json import (
    fingerprint_id,
    installed_versions,
    new_run,
    stored_columns,
    version_changes,
)
from rm_ray.run.output.segments import planned_files
from rm_ray.run.shard_job import AnyJob, Planning

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A run's folder, and the run.json that is stored there: None in a new one."""

    run: RunFolder
    stored: dict[str, Any] | None
    fingerprint: str
    """The name of the run's fingerprint, as its parts have it."""


@dataclass(frozen=True)
class Survey(Opened):
    """What is there before a run: its folder, what that stores, and what is to be done.

    `found`: the corpus as it is now. `files`: the planned ones that stay planned, then the new
    ones.
    """

    found: Corpus
    files: list[Planned]
    new: Planning[Any]


def open_folder(job: AnyJob) -> Opened:
    """Open the output folder of a job. Takes no time, and writes nothing.

    Raises:
        OutputError: the folder is another run's, or cannot be read.
    """
    spec = job.spec
    run = RunFolder(spec.output, spec.parts, spec.planned)
    stored = run.open(spec.fingerprint)
    # the same, word for word as the run's parts have it: a key may have gone since
    fingerprint = stored["fingerprint"] if stored else spec.fingerprint
    return Opened(run, stored, fingerprint_id(fingerprint))


def survey(job: AnyJob, opened: Opened, *, to_run: bool) -> Survey:
    """Look at what is planned and at the corpus; what takes no time is refused first.

    Raises:
        OutputError: machines see other folders there.
        InputError: the corpus cannot be read, or has changed.
        ClusterError: there is no cluster at the address.
    """
    run, stored = opened.run, opened.stored
    plan = run.segments.read()
    planned = planned_files(plan)
    log.info("listing the input")
    found = job.find({file.path for file in planned})
    join_cluster()
    if to_run and spreads_tasks():
        from rm_ray.run.output.one_folder import see_one_folder

        see_one_folder(run)
    log.info("planning: %d files, %d planned before", len(found.files), len(planned))
    notes = [segment.notes for segment in plan]
    new = job.plan(found, planned, notes, stored_columns(stored) if stored else None)
    anew = {file.path for file in (*new.replaced, *new.files)}
    kept = [file for file in planned if file.path not in anew]
    return Survey(
        run=run,
        stored=stored,
        fingerprint=opened.fingerprint,
        found=found,
        files=[*kept, *new.files],
        new=new,
    )


def open_run(seen: Survey, job: AnyJob) -> None:
    """Write down what this run is and what it adds to the plan.

    Raises:
        OutputError: another driver is at work here all the same.
    """
    run, new = seen.run, seen.new
    if seen.stored is None:
        spec = job.spec
        job.begin(run.state)
        run.create(new_run(spec.fingerprint, spec.config.model_dump(mode="json"), new.columns))
    else:
        _warn_of_versions(seen.stored["versions"])
    if seen.found.passed_over:
        log.info("passed over: %s", seen.found.passed_over)
    if new.replaced:
        log.info("%d input files have changed: their old rows go first", len(new.replaced))
        run.mark_incomplete()
        run.forget(new.replaced)
    if new.files:
        run.mark_incomplete()
        run.segments.add(new.files, new.notes)


def _warn_of_versions(stored: dict[str, str]) -> None:
    changes = version_changes(stored, installed_versions())
    if changes:
        log.warning("versions have changed since this run began: %s", ", ".join(changes))
