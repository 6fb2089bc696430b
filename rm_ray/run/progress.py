"""Progress while a run goes on: how far, how fast, how long still."""

import logging
import threading
from types import TracebackType
from typing import Any, Self

import ray

from rm_ray.run.counts import RunProgress
from rm_ray.run.job import ShardJob

log = logging.getLogger(__name__)


class ProgressLog:
    """Logs a line every `run.progress_s` seconds while the `with` block runs."""

    def __init__(self, tally: Any, job: ShardJob, *, documents: int, parts: int) -> None:
        self._tally = tally
        self._job = job
        self._documents = documents
        self._parts = parts
        self._every = job.settings.progress_s
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
        faults = 0
        while not self._stop.wait(self._every):
            try:
                now = ray.get(self._tally.progress.remote(), timeout=self._every)
            except ray.exceptions.RayError:
                continue  # a busy or lost head must not end the run for want of a log line
            if now.faults > faults:
                faults = now.faults
                log.warning("%d faults so far; the last: %s", faults, now.last_fault)
            log.info("%s", progress_line(now, self._documents, self._parts, self._job))


def progress_line(now: RunProgress, documents: int, parts: int, job: ShardJob) -> str:
    """One line: shards and documents done, speed, time left."""
    if not now.engines and not now.work.parts:
        return f"{job.starting}; 0 of {parts} shards"
    if not now.engines and not now.work.documents:
        return f"{now.work.parts} of {parts} shards"
    done = min(now.work.documents, documents)  # some are done more than once
    line = f"{now.work.parts} of {parts} shards, {done:,} of {documents:,} documents"
    if now.engines:
        line += f", {now.engines} engine start{'s' if now.engines > 1 else ''}"
    if now.work.documents < max(2, documents / 100) or now.judging_seconds <= 0:
        return line  # too little to tell a speed from
    left = max(0, documents - now.work.documents)
    seconds = left * now.judging_seconds / now.work.documents
    return f"{line}, {job.speed(now)}, {duration(seconds)} left"


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
