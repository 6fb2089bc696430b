"""Progress while a run goes on: how far, how fast, how long still."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ray

from rm_ray.cluster import alive_machines
from rm_ray.corpus.plan import Unit
from rm_ray.run.counts import RunProgress
from rm_ray.run.job import AnyJob
from rm_ray.store.retry import Retry

log = logging.getLogger(__name__)

# By so much the work of a run may differ from what a sample of it says.
NEAR = 0.03


class ProgressLog:
    """Logs a line every `run.progress_s` seconds while the `with` block runs."""

    def __init__(self, tally: Any, job: AnyJob, units: Sequence[Unit]) -> None:
        self._tally = tally
        self._job = job
        self._whole = Whole.of(units, job)
        self._every = job.settings.progress_s
        self._machines: Mapping[str, str] = alive_machines()
        self._faults = 0
        self._away: Retry | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                now = ray.get(self._tally.progress.remote(), timeout=self._every)
                self._look_round(alive_machines())
            except ray.exceptions.RayError:
                continue  # a busy or lost head must not end the run for want of a log line
            if now.faults > self._faults:
                self._faults = now.faults
                log.warning("%d faults so far; the last: %s", now.faults, now.last_fault)
            self._say_away(now)
            log.info("%s", progress_line(now, self._whole, self._job))

    def _look_round(self, machines: Mapping[str, str]) -> None:
        for machine in lost(self._machines, machines):
            log.warning("the machine %s is lost; others do what it was at", machine)
        self._machines = machines

    def _say_away(self, now: RunProgress) -> None:
        """One line when a store is away, one when it answers again."""
        retries = now.retries
        if now.stopped:
            return  # given up
        if retries and not self._away:
            more = f", and {len(retries) - 1} more" if len(retries) > 1 else ""
            log.warning("%s%s", retries[0], more)
        elif self._away and not retries:
            log.warning("the store answers again, after %s",
                        duration(time.time() - self._away.since))  # fmt: skip
        self._away = retries[0] if retries else None


def lost(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the machines, by node id, that lived before and do no more."""
    return [machine for node, machine in before.items() if node not in now]


@dataclass(frozen=True)
class Whole:
    """All that is to be done. `work`: in the job's own measure of speed, 0 where unknown."""

    parts: int
    documents: int
    work: float

    @classmethod
    def of(cls, units: Sequence[Unit], job: AnyJob) -> Self:
        """What these units are."""
        shards = [shard for unit in units for shard in unit.shards]
        return cls(len(shards), job.count_documents(shards), job.work_left(units))


def progress_line(now: RunProgress, whole: Whole, job: AnyJob) -> str:
    """One line: shards and documents done, engines that live, speed, time left."""
    if not now.engines and not now.work.parts:
        return f"{job.starting}; 0 of {whole.parts} shards"
    if not now.engines and not now.work.documents:
        return f"{now.work.parts} of {whole.parts} shards"
    done = min(now.work.documents, whole.documents)  # some are done more than once
    line = f"{now.work.parts} of {whole.parts} shards, {done:,} of {whole.documents:,} documents"
    if now.engines:
        line += f", {now.alive} engine{'s' if now.alive != 1 else ''}"
    if done < max(2, whole.documents / 100) or now.judging_seconds <= 0:
        return line  # too little to tell a speed from
    return f"{line}, {job.speed(now)}, {_time_left(now, whole, job)}"


def _time_left(now: RunProgress, whole: Whole, job: AnyJob) -> str:
    """By work and not by documents: one may be as long as a thousand others."""
    done, work = job.work_done(now), whole.work
    if not work or not done:
        done, work = now.work.documents, whole.documents
    if done > (1 - NEAR) * work:  # an estimate: nearer than this it tells nothing
        return "nearly done"
    return f"{duration((work - done) * now.judging_seconds / done)} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 3 min 20 s, 2 h 05 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
