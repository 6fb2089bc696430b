"""Before a run: look at its output folder and at the corpus, and find the work that is left."""

import logging
from dataclasses import dataclass
from typing import Any

from rm_ray.cluster.join import join_cluster
from rm_ray.cluster.machines import spreads_tasks
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
    """An Opened is a run's folder, opened, with the run.json that is stored there."""

    run: RunFolder
    """The run's folder."""
    stored: dict[str, Any] | None
    """Content of run.json; None in a new folder."""
    fingerprint: str
    """Short name of the run's fingerprint, as its parts store it."""


@dataclass(frozen=True)
class Survey(Opened):
    """A Survey is the state before a run: its folder, the corpus, and the plan."""

    found: Corpus
    """The corpus as it is now."""
    files: list[Planned]
    """All planned files: the ones planned before that have not changed, then the new ones."""
    new: Planning[Any]
    """Files that this invocation adds to the plan."""


def open_folder(job: AnyJob) -> Opened:
    """Open the output folder of a job. This is quick, and writes nothing.

    Raises:
        OutputError: the folder is another run's, or cannot be read.
    """
    spec = job.spec
    run = RunFolder(spec.output, spec.parts, spec.planned, mark=spec.mark)
    stored = run.open(spec.fingerprint)
    # the fingerprint exactly as the run's parts have it: a newer rm_ray may have dropped a key
    fingerprint = stored["fingerprint"] if stored else spec.fingerprint
    return Opened(run, stored, fingerprint_id(fingerprint))


def survey(job: AnyJob, opened: Opened, *, to_run: bool) -> Survey:
    """Read the plan and list the corpus. Quick checks come first, so that they refuse early.

    Raises:
        OutputError: machines see different folders under the output path.
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
    """Write run.json, if the run is new, and add the new files to the plan.

    Raises:
        OutputError: another driver is at work in this folder in spite of the lease.
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
        log.info("%d input files have changed or are gone: removing their rows", len(new.replaced))
        run.mark_incomplete()
        run.forget(new.replaced)
    if new.files:
        run.mark_incomplete()
        job.store(run.state, new)
        run.segments.add(new.files, new.notes)


def _warn_of_versions(stored: dict[str, str]) -> None:
    changes = version_changes(stored, installed_versions())
    if changes:
        log.warning("versions have changed since this run began: %s", ", ".join(changes))
