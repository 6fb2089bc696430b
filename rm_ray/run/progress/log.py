"""Reports the progress of a run while it works: work done, speed, and time left."""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from rm_ray.cluster.machines import free_resources, machine_names
from rm_ray.run.counts import RunProgress
from rm_ray.run.faults.handle import NoAnswer, TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.progress.outlook import Whole, standing_of
from rm_ray.run.shard_job import AnyJob
from rm_ray.run.standing.metrics import Published, run_values
from rm_ray.run.standing.status import NAME, Standing, read_standing
from rm_ray.store.retry import Patience, Retry

log = logging.getLogger(__name__)

# Least seconds between two writes of progress.json.
WRITE_SECONDS = 10.0
# Seconds between two values of a metric: Ray drops a gauge that was not set for 20 seconds, and an
# alert that waits for minutes begins anew with each gap.
PUBLISH_SECONDS = 5.0
# Seconds to wait for the tally's answer. A tally that takes longer is busy, and is asked again
# later.
ASK_SECONDS = 5.0


class ProgressLog:
    """A ProgressLog reports the progress every `run.progress_s` seconds within its `with` block.

    It reports in a log line, in Ray's metrics, and in the run's folder.
    """

    def __init__(
        self,
        tally: TallyHandle,
        job: AnyJob,
        run: RunFolder,
        whole: Whole,
        failed: Mapping[str, int],
    ) -> None:
        """Prepare the reports.

        Args:
            tally: handle of the run's tally.
            job: the job.
            run: the run's folder.
            whole: work of this invocation.
            failed: documents given up so far, by kind of fault. The caller updates it.
        """
        self._tally = tally
        self._job = job
        self._state = replace(run.state, patience=Patience(0))
        self._whole = whole
        self._failed = failed
        before = read_standing(run.state)
        self._hours_before = before.hours if before else 0.0
        self._published = Published(run.uri)
        self._every = job.spec.settings.progress_s
        self._written = 0.0
        self._machines: Mapping[str, str] = machine_names()
        self._faults = 0
        self._away: Retry | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._last: Standing | None = None
        self._answer = self._lost = RunProgress(work=job.spec.counts())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()
        self.put_down()

    def put_down(self) -> None:
        """Record the progress now, even if it was recorded a moment ago."""
        with contextlib.suppress(NoAnswer):
            self._written = 0.0
            self._record(self.ask(ASK_SECONDS))

    def left(self) -> str:
        """Describe the work that is left, in words."""
        here = self._last or standing_of(RunProgress(), self._whole, self._job, {}, 0.0)
        shards = f"{here.shards_left} of {here.shards} shards are left"
        if here.seconds_left is None or here.hours_left is None:
            return f"{shards}, and it is too early to estimate how long they would take"
        asked = here.price.is_asked
        takes = here.price.text(here.hours_left) if asked else duration(here.seconds_left)
        return f"{shards}, which would take about {takes}"

    def _run(self) -> None:
        said = time.monotonic()
        while not self._stop.wait(min(PUBLISH_SECONDS, self._every)):
            try:
                now = self.ask(ASK_SECONDS)
                self._look_round(machine_names())
            except NoAnswer:
                continue  # a busy or lost head node must not end the run
            if now.faults > self._faults:
                self._faults = now.faults
                log.warning("faults so far: %d; the last: %s", now.faults, now.last_fault)
            self._say_away(now)
            here = self._record(now)
            if time.monotonic() - said < self._every:
                continue
            said = time.monotonic()
            line = progress_line(now, self._whole, self._job, here)
            has_begun = now.engine_seconds or now.judging_seconds
            # other jobs may have taken what the first engine or task needs
            if not has_begun and (free := free_resources()):
                line = f"{line}; {free}"
            log.info("%s", line)

    def ask(self, seconds: float | None = None) -> RunProgress:
        """Return the progress so far, including the counts of tallies that were lost.

        Args:
            seconds: how long to wait for the tally's answer; None: without limit.

        Raises:
            NoAnswer: the tally does not answer, or not in time.
        """
        # answers must be handled in order: an older one after a newer would look like a new tally
        with self._lock:
            now = self._tally.call_within(seconds, Tally.progress)
            if now.began_anew(self._answer):
                self._lost = self._answer.after(self._lost)
            self._answer = now
            return now.after(self._lost)

    def _record(self, now: RunProgress) -> Standing:
        """Publish the metrics, and write progress.json now and then, if the store answers."""
        with self._lock:  # the thread that stops the run records too
            here = standing_of(now, self._whole, self._job, self._failed, self._hours_before)
            self._last = here
            values = run_values(now, here, has_engines=self._job.spec.has_engines)
            self._published.publish(values | self._job.summary.measures(now))
            if not now.retries and time.monotonic() - self._written > WRITE_SECONDS:
                with contextlib.suppress(OSError):
                    self._state.overwrite(NAME, here.to_json())
                self._written = time.monotonic()
            return here

    def _look_round(self, machines: Mapping[str, str]) -> None:
        for machine in lost(self._machines, machines):
            log.warning("the machine %s is lost; other machines redo its work", machine)
        self._machines = machines

    def _say_away(self, now: RunProgress) -> None:
        """Log a line when a store stops answering, and a line when it answers again."""
        retries = now.retries
        if now.stopped:
            return  # the run has given up
        if retries and not self._away:
            others = f", and {len(retries) - 1} more" if len(retries) > 1 else ""
            log.warning("%s%s", retries[0], others)
        elif self._away and not retries:
            away = duration(time.time() - self._away.since)
            log.warning("the store answers again, after %s", away)
        self._away = retries[0] if retries else None


def lost(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the machines that were alive before and are not now.

    Args:
        before: names by node id, before.
        now: names by node id, now.
    """
    return [machine for node, machine in before.items() if node not in now]


def progress_line(now: RunProgress, whole: Whole, job: AnyJob, here: Standing) -> str:
    """Return the progress line: shards, documents, engines, speed; time, hours and money left."""
    if not now.engines and not now.work.parts:
        return f"{job.summary.starting}; 0 of {whole.parts} shards"
    if not now.engines and not now.work.documents:
        return f"{now.work.parts} of {whole.parts} shards"
    documents = f"{now.work.documents:,} documents"
    if whole.documents is not None:
        done = min(now.work.documents, whole.documents)  # some documents are done more than once
        documents = f"{done:,} of {whole.documents:,} documents"
    line = f"{now.work.parts} of {whole.parts} shards, {documents}"
    if now.engines:
        line += f", {now.alive} engine{'s' if now.alive != 1 else ''}"
    if here.speed is None:
        return line
    return f"{line}, {here.speed}, {_left(here)}"


def _left(here: Standing) -> str:
    if here.nearly_done or here.seconds_left is None:
        return "nearly done"
    hours = ""
    if here.price.is_asked and here.hours_left is not None:
        hours = f", {here.price.text(here.hours_left)}"
    return f"{duration(here.seconds_left)}{hours} left"


def duration(seconds: float) -> str:
    """Format seconds for people: 45 s, 3 min 20 s, 2 h 05 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
