"""Progress while a run goes on: how far, how fast, how long still."""

import logging
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ray

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """What an actor has judged since it last told."""

    documents: int = 0
    tokens: int = 0
    windows: int = 0


@dataclass(frozen=True)
class RunProgress:
    """Where the run stands. Seconds since the first engine was ready are `judging_seconds`."""

    engines: int
    start_seconds: float
    documents: int
    tokens: int
    windows: int
    parts: int
    judging_seconds: float
    first_error: str | None


class Tally:
    """What actors and writers report to; an actor itself, of no CPUs, on the driver's machine."""

    def __init__(self) -> None:
        self._engines = 0
        self._start_seconds = 0.0
        self._sum = Judged()
        self._parts = 0
        self._first: float | None = None
        self._error: str | None = None

    def started(self, seconds: float) -> None:
        """An engine is ready after so many seconds."""
        self._engines += 1
        self._start_seconds = max(self._start_seconds, seconds)
        self._first = self._first or time.monotonic()

    def judged(self, more: Judged) -> None:
        """Documents were judged."""
        s = self._sum
        self._sum = Judged(
            s.documents + more.documents, s.tokens + more.tokens, s.windows + more.windows
        )

    def committed(self, parts: int) -> None:
        """Parts were written."""
        self._parts += parts

    def failed(self, reason: str) -> None:
        """A shard was given up; the first reason is kept for the closing sentence."""
        self._error = self._error or reason

    def standing(self) -> RunProgress:
        """The sums so far."""
        s = self._sum
        seconds = time.monotonic() - self._first if self._first else 0.0
        return RunProgress(
            self._engines, self._start_seconds, s.documents, s.tokens, s.windows,
            self._parts, seconds, self._error,
        )  # fmt: skip


def start_tally() -> Any:
    """A Tally actor beside the driver; dies with it."""
    here = ray.get_runtime_context().get_node_id()
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=True)
    return ray.remote(Tally).options(num_cpus=0, scheduling_strategy=strategy).remote()


class ProgressLog:
    """Logs a line every `every` seconds while the `with` block runs."""

    def __init__(self, tally: Any, *, documents: int, parts: int, every: float) -> None:
        self._tally = tally
        self._documents = documents
        self._parts = parts
        self._every = every
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
                standing = ray.get(self._tally.standing.remote(), timeout=self._every)
            except ray.exceptions.RayError:
                continue  # a busy or lost head must not end the run for want of a log line
            log.info("%s", progress_line(standing, self._documents, self._parts))


def progress_line(standing: RunProgress, documents: int, parts: int) -> str:
    """One line: shards and documents done, speed, time left."""
    if not standing.engines:
        return f"engines are starting; 0 of {parts} shards"
    line = (
        f"{standing.parts} of {parts} shards, {standing.documents:,} of {documents:,} documents, "
        f"{standing.engines} engine{'s' if standing.engines > 1 else ''}"
    )
    if standing.documents < max(2, documents / 100) or standing.judging_seconds <= 0:
        return line  # too little to tell a speed from
    rate = standing.tokens / standing.judging_seconds
    left = max(0, documents - standing.documents)
    seconds = left * standing.judging_seconds / standing.documents
    return f"{line}, {rate:,.0f} tokens/s, {duration(seconds)} left"


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
