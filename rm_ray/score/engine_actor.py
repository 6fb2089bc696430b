"""An actor around one engine: takes shards of token ids, and returns shards of rows."""

import logging
import os
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import pyarrow as pa
import ray

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.engines.engine import EngineCounts, EngineSettings
from rm_ray.engines.start import start_engine
from rm_ray.engines.watchdog import Watchdog, hung_processes
from rm_ray.engines.weights import place_model
from rm_ray.errors import RmRayError, one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import wait_while_paused
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.shard_row import unpack
from rm_ray.score.counts import ScoreCounts

log = logging.getLogger(__name__)

# Seconds after which an actor reports its work, if it has not reported with a bunch. It is short
# enough for progress lines.
REPORT_SECONDS = 3.0
# Seconds between two questions whether it is its machine's turn to fetch the weights.
TURN_SECONDS = 2.0


class EngineActor(ABC):
    """Holds an engine; Ray Data calls it with blocks of packed shards and pieces.

    The engine starts with the actor, so that no shard waits for an engine that cannot start. If a
    document has ended the process, the engine of the new process starts only when there is work.

    The kind of the engine depends on the read-out in the settings. Subclasses know it.
    """

    def __init__(self, settings: EngineSettings, tally: TallyHandle) -> None:
        """Announce the actor to the tally, and start the engine if the tally says so."""
        self.settings = settings
        self.tally = tally
        self._node = ray.get_runtime_context().get_node_id()
        self._id = str(ray.get_runtime_context().get_actor_id())
        self._process = uuid.uuid4().hex  # Ray restarts an actor's process under the same actor id
        self._started: Any = None
        self._idle_since: float | None = None
        arrival = tally.call(Tally.arrives, self._id, self._node)
        if arrival == "leave":
            # Ray Data starts another actor instead, on another machine
            ray.actor.exit_actor()  # type: ignore[no-untyped-call]
        if arrival == "start":
            self._engine()

    def start(self) -> Any:
        """Start the engine."""
        return start_engine(self.settings)

    @abstractmethod
    def work(
        self, span: Shard, documents: pa.Table, engine: Any, listener: "Reporter"
    ) -> tuple[list[pa.Table], Mapping[int, str]]:
        """Take the documents of a shard or piece through the engine.

        Args:
            span: the shard or piece.
            documents: its tokenised documents.
            engine: the engine.
            listener: told of the progress.

        Returns:
            Packed rows for the next stage, and why documents failed, by row in the file.

        Raises:
            Exception: any exception of the engine; the engine is broken then.
        """

    @abstractmethod
    def check(
        self, span: Shard, documents: pa.Table, engine: Any, alive: Callable[[], None]
    ) -> None:
        """Check that the engine works, before a failing document is blamed.

        Args:
            span: the piece with the document.
            documents: the document, tokenised.
            engine: the engine.
            alive: to be called after each step of the engine.

        Raises:
            Exception: the engine does not work.
        """

    @abstractmethod
    def try_out(self, engine: Any) -> str | None:
        """Try an engine that has just started.

        Returns:
            A warning for the user; None if there is nothing to warn of.

        Raises:
            Exception: the engine does not work.
        """

    def tell_wrong(self, wrong: str) -> None:
        """Report the warning of `try_out`."""
        self.tally.tell(Tally.warn, wrong)

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Yield a block of one row for each shard or piece of `block` that is done.

        Ray matches the outputs of a retried call by position. So a retried call yields the same
        rows in the same order, as far as the call before it got.
        """
        for span, documents, _ in unpack(block):
            wait_while_paused(self.tally)
            if not self.tally.call(Tally.may_begin, span, hung_processes()):
                continue
            engine = self._engine()
            self.tally.tell(Tally.note_engine, self._id, self._node)
            if self.tally.call(Tally.begin, span, self._node, self._process):
                yield from self._do_span(span, documents, engine)

    def _do_span(self, span: Shard, documents: pa.Table, engine: Any) -> list[pa.Table]:
        """Do one shard or piece; if the engine breaks, this process ends."""
        listener = Reporter(self.tally, span, documents.column("_row").to_pylist(), engine.counts)
        waited = time.monotonic() - self._idle_since if self._idle_since else 0.0
        with Watchdog(self.settings.config.silence_s, self._process) as watchdog:
            listener.alive = watchdog.alive
            if isinstance(span, Piece) and span.alone:
                try:
                    self.check(span, documents, engine, watchdog.alive)
                except BaseException as error:  # noqa: BLE001 - an engine may raise anything
                    self._end(Tally.note_bad_engine, span.part, error)
            try:
                packed, failed = self.work(span, documents, engine, listener)
            except BaseException as error:  # noqa: BLE001 - an engine may raise anything
                self._end(Tally.broke, span.part, error)
        listener.flush()
        # this call is awaited, so that the tally knows the failed rows even if this process ends
        self.tally.call(Tally.done, span.part, failed)
        self.tally.tell(Tally.add, ScoreCounts(wait_seconds=waited))
        self._idle_since = time.monotonic()
        return packed

    def _engine(self) -> Any:
        """Return the engine, started if it was not; if it cannot start, this process ends.

        Ray then restarts the process, and the tally decides how often it may try on this machine.
        """
        if self._started is None:
            self._wait_for_turn()
            began = time.monotonic()
            self.tally.call(Tally.starting, self._id, self._node)
            try:
                with Watchdog(self.settings.config.start_s, self._process):
                    self._fetch_weights()
                    self._started = self.start()
                    wrong = self.try_out(self._started)
            except Exception as error:
                # an error of rm_ray needs no traceback: the driver shows its text
                log.error("the engine did not start", exc_info=not isinstance(error, RmRayError))
                self._end(Tally.start_failed, self._id, error)
            if wrong:
                self.tell_wrong(wrong)
            self.tally.tell(Tally.started, self._id, self._node, time.monotonic() - began)
        return self._started

    def _wait_for_turn(self) -> None:
        """Wait until this machine may fetch the weights: not all machines fetch at once."""
        if self.settings.model.origin:
            while not self.tally.call(Tally.may_fetch, self._node):
                time.sleep(TURN_SECONDS)

    def _fetch_weights(self) -> None:
        """Fetch the weights of a model in a store, if this machine does not have them."""
        config, model = self.settings.config, self.settings.model
        if model.origin is None:
            return
        try:
            place_model(model, config.weights_folder, weights=config.load_format != "dummy")
        finally:
            self.tally.call(Tally.note_fetched, self._node)

    def _end(
        self, tell: Callable[[Tally, str, str], None], name: str, error: BaseException
    ) -> NoReturn:
        """Tell the tally why, and end this process.

        The process cannot go on: vLLM registers a prefix's blocks when it schedules them. After a
        step that raised, it would answer later prompts from blocks that were never computed.

        Args:
            tell: the method of the tally to call.
            name: the part, or this actor's id.
            error: why the process ends.
        """
        try:
            self.tally.call(tell, name, one_line(error))
        finally:
            os._exit(1)  # Ray restarts the actor, and gives it the rest of its block


class Reporter:
    """Reports the judging of one shard or piece to the tally: rows in the engine, and work done.

    Its attribute `alive` is called after every step.
    """

    def __init__(
        self, tally: TallyHandle, span: Shard, rows: list[int], counts: EngineCounts
    ) -> None:
        """Prepare to report.

        Args:
            tally: the tally.
            span: the shard or piece.
            rows: the documents' numbers in the file.
            counts: the engine's counts, which go on growing.
        """
        self._tally = tally
        self._part = span.part
        self._rows = rows
        self._counts = counts
        self.alive: Callable[[], None] = lambda: None
        self._start()

    def asking(self, start: int, stop: int) -> None:
        """Tell the tally that these documents go into the engine.

        The call is awaited, so that the tally knows them even if the engine ends this process.
        """
        span = self._rows[start], self._rows[stop - 1] + 1
        self._tally.call(Tally.asking, self._part, *span)

    def stepped(self) -> None:
        """Give a sign of life; report the work to the tally every REPORT_SECONDS."""
        self.alive()
        if time.perf_counter() - self._began > REPORT_SECONDS:
            self.flush()

    def ended(self, n_tokens: int, questions: int) -> None:
        """Count one more document that has its verdict."""
        self._documents += 1
        self._tokens += n_tokens
        self._windows += questions

    def answered(self, start: int, scored: int) -> None:
        """Tell the tally that the documents from `start` on are no longer in the engine.

        The work since the last report goes with it: one call is cheaper than two.
        """
        row = self._rows[start]
        self._tally.tell(Tally.answered, self._part, row, scored, self._take_work())

    def flush(self) -> None:
        """Report the work since the last report."""
        self._tally.tell(Tally.progressed, self._take_work())

    def _take_work(self) -> ScoreCounts:
        """Return the work since the last report, and begin to count that of the next."""
        engine = self._counts
        work = ScoreCounts(
            documents=self._documents,
            rows=self._documents,
            tokens=self._tokens,
            windows=self._windows,
            prompt_tokens=engine.prompt_tokens - self._prompted,
            forwarded_tokens=engine.forwarded_tokens - self._forwarded,
            preemptions=engine.preemptions - self._preempted,
            judge_seconds=time.perf_counter() - self._began,
            step_seconds=engine.step_seconds - self._steps,
            model_seconds=engine.model_seconds - self._model,
        )
        self._start()
        return work

    def _start(self) -> None:
        """Begin to count the work of the next report."""
        self._documents = self._tokens = self._windows = 0
        self._began = time.perf_counter()
        self._prompted = self._counts.prompt_tokens
        self._forwarded = self._counts.forwarded_tokens
        self._preempted = self._counts.preemptions
        self._steps, self._model = self._counts.step_seconds, self._counts.model_seconds
