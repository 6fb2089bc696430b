"""An actor around one engine: shards of token ids in, shards of rows out."""

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

# How often an actor tells how far it is, seconds: often enough for a progress line.
REPORT_SECONDS = 2.0
# How often it asks whether it is its machine's turn to fetch the weights.
TURN_SECONDS = 2.0


class EngineActor(ABC):
    """Holds the engine; called by Ray Data with blocks of packed shards and pieces.

    The engine starts with the actor, so that no shard waits for one that cannot start. One whose
    process has ended over a document starts anew only when there is something to do.

    An engine is of the kind that the settings' read-out asks for: whoever asks it knows which.
    """

    def __init__(self, settings: EngineSettings, tally: TallyHandle) -> None:
        self.settings = settings
        self.tally = tally
        self._node = ray.get_runtime_context().get_node_id()
        self._id = str(ray.get_runtime_context().get_actor_id())
        self._process = uuid.uuid4().hex  # Ray starts an actor anew under its old id
        self._started: Any = None
        self._idle_since: float | None = None
        arrival = tally.call(Tally.arrives, self._id, self._node)
        if arrival == "leave":
            # Ray Data puts another one in its place, elsewhere
            ray.actor.exit_actor()  # type: ignore[no-untyped-call]
        if arrival == "start":
            self._engine()

    def start(self) -> Any:
        """Start the engine."""
        return start_engine(self.settings)

    @abstractmethod
    def work(
        self, unit: Shard, documents: pa.Table, engine: Any, listener: "Reporter"
    ) -> tuple[list[pa.Table], Mapping[int, str]]:
        """Take the documents of a shard or piece through the engine.

        Returns:
            What goes on to the next stage, packed; and the rows that failed, with reasons.

        Raises:
            Exception: whatever the engine does; it is broken then.
        """

    @abstractmethod
    def check(
        self, unit: Shard, documents: pa.Table, engine: Any, alive: Callable[[], None]
    ) -> None:
        """Make sure that the engine is well, before it is believed about a suspect.

        Raises:
            Exception: it is not.
        """

    @abstractmethod
    def try_out(self, engine: Any) -> str | None:
        """Try an engine that has just started; something that whoever started the run should know.

        Raises:
            Exception: the engine does not work.
        """

    def tell_wrong(self, wrong: str) -> None:
        """Tell what `try_out` has found."""
        self.tally.tell(Tally.warn, wrong)

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard or piece of `block` that is done.

        A retried call yields the same rows in the same order as far as the last one got: Ray
        matches them by their number.
        """
        for unit, documents, _ in unpack(block):
            wait_while_paused(self.tally)
            if not self.tally.call(Tally.may_begin, unit, hung_processes()):
                continue
            engine = self._engine()
            self.tally.tell(Tally.lives, self._id, self._node)
            if self.tally.call(Tally.begin, unit, self._node, self._process):
                yield from self._do_unit(unit, documents, engine)

    def _do_unit(self, unit: Shard, documents: pa.Table, engine: Any) -> list[pa.Table]:
        listener = Reporter(self.tally, unit, documents.column("_row").to_pylist(), engine.counts)
        waited = time.monotonic() - self._idle_since if self._idle_since else 0.0
        with Watchdog(self.settings.config.silence_s, self._process) as watchdog:
            listener.alive = watchdog.alive
            if isinstance(unit, Piece) and unit.alone:
                try:
                    self.check(unit, documents, engine, watchdog.alive)
                except BaseException as error:  # noqa: BLE001 - an engine may raise anything
                    self._end(Tally.unfit, unit.part, error)
            try:
                packed, failed = self.work(unit, documents, engine, listener)
            except BaseException as error:  # noqa: BLE001 - an engine may raise anything
                self._end(Tally.broke, unit.part, error)
        listener.flush()
        # awaited: should this process end now, the rows that failed are known
        self.tally.call(Tally.done, unit.part, failed)
        self.tally.tell(Tally.add, ScoreCounts(wait_seconds=waited))
        self._idle_since = time.monotonic()
        return packed

    def _engine(self) -> Any:
        """The engine, started if it was not; if it cannot be, this process ends.

        Ray starts the process anew, and the tally says how often it is to try on this machine.
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
                # an error of ours is a sentence, which the driver says
                log.error("the engine did not start", exc_info=not isinstance(error, RmRayError))
                self._end(Tally.start_failed, self._id, error)
            if wrong:
                self.tell_wrong(wrong)
            self.tally.tell(Tally.started, self._id, self._node, time.monotonic() - began)
        return self._started

    def _wait_for_turn(self) -> None:
        """Not all machines fetch weights at once."""
        if self.settings.model.origin:
            while not self.tally.call(Tally.may_fetch, self._node):
                time.sleep(TURN_SECONDS)

    def _fetch_weights(self) -> None:
        config, model = self.settings.config, self.settings.model
        if model.origin is None:
            return
        try:
            place_model(model, config.weights_folder, weights=config.load_format != "dummy")
        finally:
            self.tally.call(Tally.has_fetched, self._node)

    def _end(
        self, tell: Callable[[Tally, str, str], None], what: str, error: BaseException
    ) -> NoReturn:
        """End this process once the tally has been told why, of a part or of this actor.

        vLLM registers a prefix's blocks when it schedules them: after a step that raised, blocks
        that were never computed would answer for the prompts to come.
        """
        try:
            self.tally.call(tell, what, one_line(error))
        finally:
            os._exit(1)  # Ray starts the actor anew, and gives it what is left of its block


class Reporter:
    """Tells the tally of one unit's judging: which rows are in the engine, and work done.

    `rows`: the documents' numbers in the file. `counts`: the engine's. `alive` is called with
    every step.
    """

    def __init__(
        self, tally: TallyHandle, unit: Shard, rows: list[int], counts: EngineCounts
    ) -> None:
        self._tally = tally
        self._part = unit.part
        self._rows = rows
        self._counts = counts
        self.alive: Callable[[], None] = lambda: None
        self._start()

    def asking(self, start: int, stop: int) -> None:
        """Awaited: should the engine end this process, these rows are known."""
        span = self._rows[start], self._rows[stop - 1] + 1
        self._tally.call(Tally.asking, self._part, *span)

    def stepped(self) -> None:
        """A sign of life, to the tally now and then."""
        self.alive()
        if time.perf_counter() - self._began > REPORT_SECONDS:
            self.flush()

    def ended(self, n_tokens: int, questions: int) -> None:
        """One more document has its verdict."""
        self._documents += 1
        self._tokens += n_tokens
        self._windows += questions

    def answered(self, start: int, scored: int) -> None:
        """These rows are no longer in the engine."""
        self._tally.tell(Tally.answered, self._part, self._rows[start], scored)

    def flush(self) -> None:
        """Tell what was done since the last time."""
        spent = self._counts
        work = ScoreCounts(
            documents=self._documents,
            rows=self._documents,
            tokens=self._tokens,
            windows=self._windows,
            prompt_tokens=spent.prompt_tokens - self._prompted,
            forwarded_tokens=spent.forwarded_tokens - self._forwarded,
            preemptions=spent.preemptions - self._preempted,
            judge_seconds=time.perf_counter() - self._began,
            step_seconds=spent.step_seconds - self._steps,
            model_seconds=spent.model_seconds - self._model,
        )
        self._tally.tell(Tally.progressed, work)
        self._start()

    def _start(self) -> None:
        self._documents = self._tokens = self._windows = 0
        self._began = time.perf_counter()
        self._prompted = self._counts.prompt_tokens
        self._forwarded = self._counts.forwarded_tokens
        self._preempted = self._counts.preemptions
        self._steps, self._model = self._counts.step_seconds, self._counts.model_seconds
