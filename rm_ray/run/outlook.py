"""What is left of a run, and what it will take: reckoned from what is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rm_ray.corpus.plan import Unit
from rm_ray.run.counts import RunProgress
from rm_ray.run.job import AnyJob
from rm_ray.run.standing import Standing


@dataclass(frozen=True)
class Whole:
    """All that this invocation is to do, beside the run's `done` shards. `work`: in the job's own
    measure of speed, 0 where unknown.
    """

    parts: int
    documents: int
    work: float
    done: int = 0

    @classmethod
    def of(cls, units: Sequence[Unit], job: AnyJob, done: int) -> Self:
        """What these units are."""
        shards = [shard for unit in units for shard in unit.shards]
        return cls(len(shards), job.count_documents(shards), job.work_left(units), done)


def standing(
    now: RunProgress,
    whole: Whole,
    job: AnyJob,
    failed: Mapping[str, int],
    hours_before: float,
) -> Standing:
    """How the run stands now.

    Args:
        failed: documents given up, by how they failed.
        hours_before: of earlier invocations.
    """
    share = share_done(now, whole, job)
    left = None if share is None else (1 - share) / share
    known = left is not None and now.judging_seconds > 0
    # without engines nothing is paid by the hour
    reckoned = now.ready_seconds > 0 or not now.engines
    return Standing(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        shards=whole.done + whole.parts,
        shards_left=max(0, whole.parts - now.work.parts),
        documents=now.work.documents,
        engines=now.alive,
        share=share,
        speed=job.speed(now) if known else None,
        seconds_left=left * now.judging_seconds if known and left is not None else None,
        hours=hours_before + job.price.hours(now.engine_seconds),
        hours_left=None
        if left is None or not reckoned
        else job.price.hours(left * now.ready_seconds),
        unit=job.price.unit,
        per_hour=job.price.per_hour,
        faults=now.faults,
        last_fault=now.last_fault,
        failed=dict(failed),
        stopped=now.stopped,
    )


def share_done(now: RunProgress, whole: Whole, job: AnyJob) -> float | None:
    """How much of it is done, at most 1; None while it is too little to tell a speed from.

    By work and not by documents: one may be as long as a thousand others.
    """
    if now.work.documents < max(2, whole.documents / 100):
        return None
    done, work = job.work_done(now), whole.work
    if not work or not done:
        done, work = now.work.documents, whole.documents
    return min(1.0, done / work) if work else None
