"""The tally: one small actor that every stage of a run tells what it has done and what went wrong.

It alone sees the whole run. It knows which rows are in which engine, so that when an engine's
process ends it can say which documents were there; and it decides when faults are too many to be
any document's.
"""

import time
from collections.abc import Collection, Mapping

from rm_ray.cluster import alive_machines
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
    """What actors and tasks report to. Reports of one process arrive in order.

    `silence_s`: after which an engine's process ends itself; `start_s`: within which one must be
    ready. A shard or piece under way is named by its part.
    """

    def __init__(
        self, counts: type[RunCounts], most_faults: int, silence_s: float, start_s: float
    ) -> None:
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
        """What an actor is to do that has come up, perhaps again, on a machine.

        One that was starting its engine was in a process that has ended.
        """
        if why := self._starts.ended(actor):
            self.start_failed(actor, why)
        arrival = self._starts.arrives(actor, node)
        return "wait" if arrival == "start" and self.ending() else arrival

    def may_fetch(self, node: str) -> bool:
        """Whether it is a machine's turn to fetch the weights."""
        return self._starts.may_fetch(node, alive_machines())

    def has_fetched(self, node: str) -> None:
        """A machine has the weights, or could not fetch them."""
        self._starts.fetching.discard(node)

    def starting(self, actor: str, node: str) -> None:
        """An actor starts its engine."""
        self._starts.begins(actor, node)

    def started(self, actor: str, node: str, seconds: float) -> None:
        """An engine is ready after so many seconds."""
        self._starts.succeeds(actor, node, seconds)

    def lives(self, actor: str, node: str) -> None:
        """An actor has its engine, and is about to ask it."""
        self._starts.lives(actor, node)

    def start_failed(self, actor: str, why: str) -> None:
        """An engine did not start. Its machine is tried once more, so this is no fault in a row."""
        reason = f"the engine did not start: {why}"
        self._faults.note(reason, "start")
        self._starts.fails(actor, reason)

    def failed_machines(self) -> set[str]:
        """Node ids of machines that are to have no further actors."""
        return self._starts.failed()

    def watch(self, machines: Collection[str]) -> tuple[dict[str, str], str | None]:
        """Machines that have failed since the last time, with the reason; and why the pipeline
        cannot go on, if no engine lives and none will.

        Args:
            machines: node ids of those that hold an engine.
        """
        return self._starts.news(), self._over(machines)

    def warn(self, text: str) -> None:
        """Something that whoever started the run should know, said once."""
        self._warnings.setdefault(text, False)

    def take_warnings(self) -> list[str]:
        """What `warn` was told since the last time."""
        new = [text for text, said in self._warnings.items() if not said]
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

    def may_begin(self, unit: Shard, hung: Collection[str]) -> bool:
        """Whether a shard or piece may be begun; an engine is started only for one that may.

        One that is under way already was in a process that has ended: it is not tried again in
        this round, unless the machine ended too, which is nobody's fault.

        Args:
            hung: the names of processes that a watchdog has ended where this is asked.
        """
        if before := self._under_way.at_work.get(unit.part):
            self._tails.ended(before.process)
            if before.node in alive_machines():
                self._under_way.ended(unit.part, *self._death(before.process in hung))
            else:
                self._under_way.lost(unit.part)
        return self._under_way.may_begin(unit)

    def begin(self, unit: Shard, node: str, process: str) -> bool:
        """A process on a machine is about to begin a shard or piece; whether it still may."""
        if not self._under_way.may_begin(unit):
            return False
        self._starts.heard()
        return self._under_way.begin(unit, node, process)

    def asking(self, part: str, start: int, stop: int) -> None:
        """Rows [start, stop) are about to go into an engine."""
        if at_work := self._under_way.at_work.get(part):
            at_work.in_engine[start] = stop

    def answered(self, part: str, start: int, succeeded: int) -> None:
        """The rows asked about from `start` on have answers; `succeeded` of them good ones."""
        if at_work := self._under_way.at_work.get(part):
            at_work.in_engine.pop(start, None)
            at_work.succeeded += succeeded
        if succeeded:
            self._faults.gets_on()

    def fit(self) -> None:
        """An engine has just done a document that was done before."""
        self._faults.gets_on()

    def progressed(self, work: RunCounts) -> None:
        """Some of a shard was done; a sign of life."""
        self._starts.heard()
        self.add(work)

    def done(self, part: str, failed: Mapping[int, str]) -> None:
        """A shard or piece has come to its end, but for the rows that `failed`, with reasons."""
        if at_work := self._under_way.at_work.get(part):
            self._tails.done(at_work.process, time.monotonic())
        self._under_way.done(part, failed)

    def broke(self, part: str, reason: str) -> None:
        """The engine raised at work on it; its process ends."""
        if at_work := self._under_way.at_work.get(part):
            self._tails.ended(at_work.process)
        self._under_way.ended(part, reason, "raised")

    def unfit(self, part: str, reason: str) -> None:
        """The engine failed what none should: nothing is known of this document."""
        self._under_way.unfit(part, reason)

    def end_round(self, complete: bool) -> list[Failure]:
        """What failed in this round, which is over; the next one begins.

        Args:
            complete: the pipeline came to its end; if it broke, so did what was under way.
        """
        at_work = list(self._under_way.at_work.values()) if complete else []
        machines = alive_machines() if at_work else {}
        for one in at_work:
            self._tails.ended(one.process)
            if one.node in machines:
                self._under_way.ended(one.unit.part, ENDED, "ended")
        self._writes.clear()
        self._tails.end_round()
        self._starts.end_round()
        self._faults.end_round()
        self._rounds += 1
        return self._under_way.end_round()

    def _death(self, hung: bool) -> tuple[str, FaultKind]:
        if not hung:
            return ENDED, "ended"
        said = f"the engine gave no answer for {self._silence:g} s, and its process was ended"
        return said, "silent"

    # work and faults

    def may_try(self, what: str) -> bool:
        """A task without an engine is about to begin something; whether it still may. Ray tries one
        whose process ends again, without limit.
        """
        self._first_task = self._first_task or time.monotonic()
        too_often = f"{what}: {BEGINS} processes that were at it ended"
        return self._under_way.may_try(what, too_often)

    def tried(self, what: str) -> None:
        """Its process lives."""
        self._under_way.tried(what)

    def add(self, work: RunCounts) -> None:
        """Work was done. A part that was written, or a piece, shows that the run gets on."""
        self._work += work
        self._last_work = time.monotonic()
        if work.parts:
            self._faults.gets_on()

    def staged(self) -> None:
        """A piece was staged."""
        self._faults.gets_on()

    def bad_file(self, path: str, reason: str) -> None:
        """An input file turned out not to be readable Parquet."""
        self._bad_files.setdefault(path, reason)
        self._faults.first = self._faults.first or reason

    def not_found(self, error: NotFound) -> None:
        """A machine does not find an input file; what that is, the driver sees after the round."""
        self._not_found.setdefault(error.path, error)

    def take_not_found(self) -> list[NotFound]:
        """One error for each file that a machine did not find; they are the caller's now."""
        found, self._not_found = list(self._not_found.values()), {}
        return found

    def unread_for_good(self, of: str, reason: str) -> None:
        """Rows will not be read: of an input file that has changed, or on a machine that a store
        refuses. One fault, however many there are.
        """
        if of not in self._unread_of:
            self._unread_of.add(of)
            self.fault(reason, "input")

    def unread(self, reason: str) -> None:
        """The store did not let some rows be read; one fault, however many tasks wait for it."""
        now = time.monotonic()
        if self._unread_at is not None and now - self._unread_at < PATIENCE_S:
            self._faults.note(reason, "store")
            return
        self._unread_at = now
        self.fault(reason, "store")

    def fault(self, reason: str, kind: FaultKind = "other") -> None:
        """Something went wrong; too often in a row, and the run stops."""
        self._faults.fault(reason, kind)

    def halt(self, reason: str) -> None:
        """Stop the run: let nothing new begin; the first reason stands."""
        self._faults.halt(reason)

    def halted(self) -> str | None:
        """Why the run is stopping before its end; None while it is not."""
        return self._faults.halted

    def ending(self) -> str | None:
        """Why nothing new should begin: the run is stopping, or this round is over."""
        return self._faults.ending

    # stores

    def begins_to_write(self, name: str) -> None:
        """Rows that were done are about to be written."""
        self._writes.add(name)

    def has_written(self, name: str) -> None:
        """They are, or could not be."""
        self._writes.discard(name)

    def writes(self) -> int:
        """How many writes are under way."""
        return len(self._writes)

    def retrying(self, retry: Retry, pauses: bool) -> bool:
        """Something is tried again, works again or is given up; whether the run is paused.

        Args:
            pauses: nothing is to begin before it works.
        """
        self._outage.told(retry, pauses=pauses)
        return self.paused()

    def renewed(self) -> None:
        """The lease was read and is ours."""
        self._outage.renewed()

    def paused(self) -> bool:
        """Whether what would begin is to wait: a store is away."""
        return self._outage.paused and self.ending() is None

    def progress(self) -> RunProgress:
        """Everything so far."""
        machines = alive_machines()
        self._starts.passes(machines)
        first = self._starts.first or self._first_task
        # once nothing is under way, the end of the last work is the end
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
