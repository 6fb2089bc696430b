"""The tally: the object to which every stage of a run reports its work and its faults.

It is an object of the driver, or an actor beside the driver if Ray runs the stages.
Only the tally sees the whole run. It knows which rows are in which engine: if an engine's process
ends, the tally can name the documents that were in it. It stops the run if too many faults happen
in a row, because then no single document is the cause.
"""

import time
from collections.abc import Collection, Mapping

from rm_ray.cluster.machines import machine_names
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.shards import Shard
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.faults.in_a_row import FaultKind, Faults
from rm_ray.run.faults.outage import Outage
from rm_ray.run.faults.starts import Arrival, Starts
from rm_ray.run.faults.suspicion import Failure
from rm_ray.run.faults.tails import Tails
from rm_ray.run.faults.under_way import BEGINS, UnderWay
from rm_ray.store.retry import PATIENCE_S, Retry

ENDED = "the engine's process ended while judging it"


class Tally:
    """The Tally receives the reports of actors and tasks. Reports of one process arrive in order.

    A shard or piece under way is named by its part.
    """

    def __init__(
        self, counts: type[RunCounts], most_faults: int, silence_s: float, start_s: float
    ) -> None:
        """Begin with nothing counted.

        Args:
            counts: class of the job's counts.
            most_faults: faults in a row that stop the run.
            silence_s: seconds without an answer after which an engine's process ends itself.
            start_s: seconds within which an engine must be ready.
        """
        self._faults = Faults(most_faults)
        self._silence = silence_s
        self._rounds = 0
        self._starts = Starts(start_s)
        self._work = counts()
        self._last_work = time.monotonic()
        self._unread_of: set[str] = set()
        self._bad_files: dict[str, str] = {}
        self._warnings: dict[str, bool] = {}
        self._not_found: dict[str, NotFound] = {}
        self._outage = Outage()
        self._unread_at: float | None = None
        self._under_way = UnderWay(self._faults)
        self._first_task: float | None = None
        self._writes: set[str] = set()
        self._tails = Tails()

    # engines

    def arrives(self, actor: str, node: str) -> Arrival:
        """Tell an actor that has come up on a machine, perhaps again, what to do.

        If the actor was starting its engine before, that start has failed: its process ended.
        """
        if why := self._starts.ended(actor):
            self.start_failed(actor, why)
        arrival = self._starts.arrives(actor, node)
        return "wait" if arrival == "start" and self.ending() else arrival

    def may_fetch(self, node: str) -> bool:
        """Return True if it is the machine's turn to fetch the weights."""
        return self._starts.may_fetch(node, machine_names())

    def note_fetched(self, node: str) -> None:
        """Note that a machine has the weights, or could not fetch them."""
        self._starts.fetching.discard(node)

    def starting(self, actor: str, node: str) -> None:
        """Note that an actor starts its engine."""
        self._starts.begins(actor, node)

    def started(self, actor: str, node: str, seconds: float) -> None:
        """Note that an engine is ready, and the seconds that its start took."""
        self._starts.succeeds(actor, node, seconds)

    def note_engine(self, actor: str, node: str) -> None:
        """Note that an actor has its engine, and is about to use it."""
        self._starts.note_engine(actor, node)

    def start_failed(self, actor: str, why: str) -> None:
        """Note that an engine did not start.

        This does not count as a fault in a row, because the machine is tried once more.
        """
        reason = f"the engine did not start: {why}"
        self._faults.note(reason, "start")
        self._starts.fails(actor, reason)

    def failed_machines(self) -> set[str]:
        """Return the node ids of machines that should get no further actors."""
        return self._starts.failed()

    def watch(self, machines: Collection[str]) -> tuple[dict[str, str], str | None]:
        """Report the machines that have failed since the last call, and a dead pipeline.

        Args:
            machines: node ids of the machines that hold an engine.

        Returns:
            The reason per newly failed machine; and why the pipeline cannot go on, if no engine
            lives and none will, else None.
        """
        return self._starts.news(), self._over(machines)

    def warn(self, text: str) -> None:
        """Keep a warning for the user. Each text is shown once."""
        self._warnings.setdefault(text, False)

    def take_warnings(self) -> list[str]:
        """Return the warnings that have come since the last call."""
        new = [text for text, taken in self._warnings.items() if not taken]
        self._warnings.update(dict.fromkeys(new, True))
        return new

    def _over(self, machines: Collection[str]) -> str | None:
        if self._starts.alive(machines):
            return None
        if reason := self._starts.none_can(machines):
            self.halt(reason)
        elif reason := self._starts.too_late():
            self._faults.note(reason, "start")  # the next round may find another machine
        return self._faults.halted or reason

    # what is under way

    def may_begin(self, span: Shard, hung: Collection[str]) -> bool:
        """Return True if a shard or piece may begin.

        An engine is started only for a shard or piece that may begin.

        A shard or piece that is under way already was in a process that has ended. It is not tried
        again in this round, unless its machine was lost too: then the rows are not at fault.

        Args:
            span: the shard or piece.
            hung: names of processes that a watchdog has ended, on the caller's machine.
        """
        if before := self._under_way.at_work.get(span.part):
            self._tails.ended(before.process)
            if before.node in machine_names():
                self._under_way.ended(span.part, *self._death(before.process in hung))
            else:
                self._under_way.lost(span.part)
        return self._under_way.may_begin(span)

    def begin(self, span: Shard, node: str, process: str) -> bool:
        """Note that a process begins a shard or piece; return False if it must not."""
        if not self._under_way.may_begin(span):
            return False
        self._starts.heard()
        return self._under_way.begin(span, node, process)

    def asking(self, part: str, start: int, stop: int) -> None:
        """Note that rows [start, stop) are about to go into an engine."""
        if at_work := self._under_way.at_work.get(part):
            at_work.in_engine[start] = stop

    def answered(self, part: str, start: int, succeeded: int, work: RunCounts) -> None:
        """Note that the rows sent to the engine from `start` on have answers.

        Args:
            part: the shard or piece.
            start: first of the rows.
            succeeded: how many of the answers are good.
            work: the work since the last report.
        """
        self.progressed(work)
        if at_work := self._under_way.at_work.get(part):
            at_work.in_engine.pop(start, None)
            at_work.succeeded += succeeded
        if succeeded:
            self._faults.end_streak()

    def note_good_engine(self) -> None:
        """Note that an engine has just judged a document that is known to work."""
        self._faults.end_streak()

    def progressed(self, work: RunCounts) -> None:
        """Add work on a part of a shard. This is also a sign of life."""
        self._starts.heard()
        self.add(work)

    def done(self, part: str, failed: Mapping[int, str]) -> None:
        """Note that a shard or piece is done, except for its failed rows.

        Args:
            part: the shard or piece.
            failed: why a row failed, by row number.
        """
        if at_work := self._under_way.at_work.get(part):
            self._tails.done(at_work.process, time.monotonic())
        self._under_way.done(part, failed)

    def broke(self, part: str, reason: str) -> None:
        """Note that the engine raised while it judged a shard or piece. Its process ends."""
        if at_work := self._under_way.at_work.get(part):
            self._tails.ended(at_work.process)
        self._under_way.ended(part, reason, "raised")

    def note_bad_engine(self, part: str, reason: str) -> None:
        """Note that the engine failed a document that is known to work.

        So the engine is at fault, and nothing is learned about the rows it was at.
        """
        self._under_way.note_bad_engine(part, reason)

    def end_round(self, complete: bool) -> list[Failure]:
        """End the round, and return its failures.

        Args:
            complete: the pipeline came to its end. If it broke instead, the units still under way
                were cut off by that, and do not count as failures.
        """
        at_work = list(self._under_way.at_work.values()) if complete else []
        machines = machine_names() if at_work else {}
        for left_over in at_work:
            self._tails.ended(left_over.process)
            if left_over.node in machines:
                self._under_way.ended(left_over.span.part, ENDED, "ended")
        self._writes.clear()
        self._tails.end_round()
        self._starts.end_round()
        self._faults.end_round()
        self._rounds += 1
        return self._under_way.end_round()

    def _death(self, hung: bool) -> tuple[str, FaultKind]:
        if not hung:
            return ENDED, "ended"
        reason = f"the engine gave no answer for {self._silence:g} s, and its process was ended"
        return reason, "silent"

    # work and faults

    def may_try(self, what: str) -> bool:
        """Note that a task without an engine begins something; return False if it must not.

        Ray retries without limit a task whose process has ended, so the tally limits the retries.

        Args:
            what: the action, in words, such as "reading FILE, rows 0 to 99".
        """
        self._first_task = self._first_task or time.monotonic()
        too_often = f"{what}: {BEGINS} processes ended while they did it"
        return self._under_way.may_try(what, too_often)

    def tried(self, what: str) -> None:
        """Note that the action of `may_try` is over and its process still lives."""
        self._under_way.tried(what)

    def add(self, work: RunCounts) -> None:
        """Add work to the totals. A committed part also shows that the run makes progress."""
        self._work += work
        self._last_work = time.monotonic()
        if work.parts:
            self._faults.end_streak()

    def staged(self) -> None:
        """Note that a piece was staged: the run makes progress."""
        self._faults.end_streak()

    def bad_file(self, path: str, reason: str) -> None:
        """Note that an input file is not readable Parquet."""
        self._bad_files.setdefault(path, reason)
        self._faults.first = self._faults.first or reason

    def not_found(self, error: NotFound) -> None:
        """Note that a machine does not find an input file. The driver checks it after the round."""
        self._not_found.setdefault(error.path, error)

    def take_not_found(self) -> list[NotFound]:
        """Return one error per file that a machine did not find, and forget them."""
        errors, self._not_found = list(self._not_found.values()), {}
        return errors

    def unread_for_good(self, of: str, reason: str) -> None:
        """Note rows that no retry can read, as one fault per file or machine.

        Args:
            of: the input file that has changed, or the machine to which the store denies access.
            reason: the error.
        """
        if of not in self._unread_of:
            self._unread_of.add(of)
            self.fault(reason, "input")

    def unread(self, reason: str) -> None:
        """Note that reading rows from the store failed.

        Failures within PATIENCE_S seconds count as one fault, however many tasks meet them.
        """
        now = time.monotonic()
        if self._unread_at is not None and now - self._unread_at < PATIENCE_S:
            self._faults.note(reason, "store")
            return
        self._unread_at = now
        self.fault(reason, "store")

    def fault(self, reason: str, kind: FaultKind = "other") -> None:
        """Count a fault. Too many in a row stop the run."""
        self._faults.fault(reason, kind)

    def halt(self, reason: str) -> None:
        """Stop the run: nothing new may begin. Only the first reason is kept."""
        self._faults.halt(reason)

    def halted(self) -> str | None:
        """Return why the run is stopping before its end; None while it is not."""
        return self._faults.halted

    def ending(self) -> str | None:
        """Return why nothing new may begin: the run is stopping, or the round is over."""
        return self._faults.ending

    # stores

    def begins_to_write(self, name: str) -> None:
        """Note that a write of finished rows begins."""
        self._writes.add(name)

    def note_written(self, name: str) -> None:
        """Note that the write has ended, with or without success."""
        self._writes.discard(name)

    def writes(self) -> int:
        """Return how many writes are under way."""
        return len(self._writes)

    def retrying(self, retry: Retry, pauses: bool) -> bool:
        """Note a retry of a store operation; return True if the run is paused.

        Args:
            retry: the operation, which is retried, works again, or was given up.
            pauses: nothing new may begin before the operation works.
        """
        self._outage.told(retry, pauses=pauses)
        return self.paused()

    def renewed(self) -> None:
        """Note that the lease was read and renewed: it is still this run's."""
        self._outage.renewed()

    def paused(self) -> bool:
        """Return True if new work must wait because a store does not answer."""
        return self._outage.paused and self.ending() is None

    def progress(self) -> RunProgress:
        """Return the progress so far."""
        machines = machine_names()
        self._starts.add_time(machines)
        first = self._starts.first or self._first_task
        # if nothing is under way, the time ends with the last work
        until = time.monotonic() if self._under_way.at_work else self._last_work
        return RunProgress(
            rounds=self._rounds,
            engines=self._starts.count,
            alive=self._starts.ready(machines) if self._starts.count else 0,
            engine_seconds=self._starts.held_seconds,
            ready_seconds=self._starts.ready_seconds,
            start_seconds=self._starts.slowest,
            work=self._work,
            judging_seconds=max(0.0, until - first) if first else 0.0,
            faults=self._faults.count,
            fault_kinds=dict(self._faults.kinds),
            first_fault=self._faults.first,
            last_fault=self._faults.last,
            stopped=self._faults.halted,
            bad_files=dict(self._bad_files),
            retries=self._outage.retries(),
            tail_seconds=self._tails.seconds,
        )
