"""Estimates the time and cost of the work that is left, from the work that is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rm_ray.corpus.plan import Unit
from rm_ray.run.counts import RunProgress
from rm_ray.run.shard_job import AnyJob
from rm_ray.run.standing.status import Standing


@dataclass(frozen=True)
class Whole:
    """Whole is the work of this invocation."""

    parts: int
    """Shards to do."""
    documents: int | None
    """Documents to do; None if unknown."""
    work: float
    """Work to do, in the job's own measure; 0 if unknown."""
    done: int = 0
    """Shards of the run that are committed already."""

    @classmethod
    def of(cls, units: Sequence[Unit], job: AnyJob, planned: int) -> Self:
        """Count the work of some units.

        Args:
            units: the units to do.
            job: the job.
            planned: shards of the whole run.
        """
        todo = [shard for unit in units for shard in unit.shards]
        documents = job.count_documents(todo) if job.spec.documents_known else None
        return cls(len(todo), documents, job.work_left(units), planned - len(todo))


def standing_of(
    now: RunProgress,
    whole: Whole,
    job: AnyJob,
    failed: Mapping[str, int],
    hours_before: float,
) -> Standing:
    """Return the progress of the run now.

    Args:
        now: progress of this invocation.
        whole: work of this invocation.
        job: the job.
        failed: documents given up, by kind of fault.
        hours_before: GPU hours (engine hours on CPU) of earlier invocations.
    """
    share = share_done(now, whole, job)
    left = (1 - share) / share if share and now.judging_seconds > 0 else None
    # engine hours can only be estimated once an engine was ready; some jobs have no engines
    reckoned = left is not None and (now.ready_seconds > 0 or not now.engines)
    return Standing(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        shards=whole.done + whole.parts,
        shards_left=max(0, whole.parts - now.work.parts),
        documents=now.work.documents,
        engines=now.alive,
        share=share,
        speed=None if left is None else job.summary.speed(now),
        seconds_left=None if left is None else left * now.judging_seconds,
        hours=hours_before + job.spec.price.hours(now.engine_seconds),
        hours_left=job.spec.price.hours((left or 0.0) * now.ready_seconds) if reckoned else None,
        gpus=job.spec.price.gpus,
        per_hour=job.spec.price.per_hour,
        faults=now.faults,
        last_fault=now.last_fault,
        failed=dict(failed),
        stopped=now.stopped,
    )


def share_done(now: RunProgress, whole: Whole, job: AnyJob) -> float | None:
    """Return the fraction of the work that is done; None while it is too little for a speed.

    The fraction is of work and not of documents, because one document may be as long as a thousand
    others.
    """
    if now.work.documents < max(2, (whole.documents or 0) / 100):
        return None
    done, work = job.work_done(now), whole.work
    if not work or not done:
        done, work = now.work.documents, whole.documents or 0
    return min(1.0, done / work) if work else None
