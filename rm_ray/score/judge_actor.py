"""The judge stage: one actor, one engine; shards of token ids in, shards of rewards out."""

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pyarrow as pa
import ray

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.engines.engine import Engine, EngineCounts, EngineSettings, answer_all
from rm_ray.engines.start import start_engine
from rm_ray.engines.watchdog import Watchdog, hung_processes
from rm_ray.engines.weights import place_model
from rm_ray.errors import RmRayError, one_line
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import Judge, TokenIds
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import wait_while_paused
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.pieces import failed_rows, stretches_between
from rm_ray.run.output.shard_row import pack, unpack
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.examples import Examples, disagreement
from rm_ray.score.judge_shard import divide, judge_shard

log = logging.getLogger(__name__)

# How often an actor tells how far it is, seconds: often enough for a progress line.
REPORT_SECONDS = 2.0
# How often it asks whether it is its machine's turn to fetch the weights.
TURN_SECONDS = 2.0


class JudgeActor:
    """Holds the engine; called by Ray Data with blocks of packed shards and pieces.

    The engine starts with the actor, so that no shard waits for one that cannot start. One whose
    process has ended over a document starts anew only when there is something to judge.
    """

    def __init__(
        self,
        settings: EngineSettings,
        judge_ref: Any,
        examples: Examples,
        tally: TallyHandle,
        control_ref: Any,
        calibration: Calibration | None = None,
    ) -> None:
        self._settings = settings
        self._examples = examples
        self._calibration = calibration
        self._judge: Judge = ray.get(judge_ref)
        self._control: TokenIds | None = ray.get(control_ref) if control_ref else None
        self._tally = tally
        self._node = ray.get_runtime_context().get_node_id()
        self._id = str(ray.get_runtime_context().get_actor_id())
        self._process = uuid.uuid4().hex  # Ray starts an actor anew under its old id
        self._started: Engine | None = None
        self._idle_since: float | None = None
        arrival = tally.call(Tally.arrives, self._id, self._node)
        if arrival == "leave":
            # Ray Data puts another one in its place, elsewhere
            ray.actor.exit_actor()  # type: ignore[no-untyped-call]
        if arrival == "start":
            self._engine()

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard or piece of `block` that is judged.

        A retried call yields the same rows in the same order as far as the last one got: Ray
        matches them by their number.
        """
        for unit, documents, _ in unpack(block):
            wait_while_paused(self._tally)
            if not self._tally.call(Tally.may_begin, unit, hung_processes()):
                continue
            engine = self._engine()
            self._tally.tell(Tally.lives, self._id, self._node)
            if self._tally.call(Tally.begin, unit, self._node, self._process):
                yield from self._judge_unit(unit, documents, engine)

    def _judge_unit(self, unit: Shard, documents: pa.Table, engine: Engine) -> list[pa.Table]:
        listener = Reporter(self._tally, unit, documents.column("_row").to_pylist(), engine.counts)
        waited = time.monotonic() - self._idle_since if self._idle_since else 0.0
        with Watchdog(self._settings.config.silence_s, self._process) as watchdog:
            listener.alive = watchdog.alive
            if isinstance(unit, Piece) and unit.alone:
                self._check(unit, documents, engine, watchdog.alive)
            try:
                rewards, counts = judge_shard(
                    unit, documents, self._judge, engine, listener, self._calibration
                )
                failed = failed_rows(rewards)
                packed = _pack(unit, rewards, counts, self._judge)
            except BaseException as error:  # noqa: BLE001 - an engine may raise anything
                self._end(Tally.broke, unit.part, error)
        listener.flush()
        # awaited: should this process end now, the rows that failed are known
        self._tally.call(Tally.done, unit.part, failed)
        self._tally.tell(Tally.add, ScoreCounts(wait_seconds=waited))
        self._idle_since = time.monotonic()
        return packed

    def _check(
        self, unit: Shard, documents: pa.Table, engine: Engine, alive: Callable[[], None]
    ) -> None:
        """Make sure that the engine is well: that it can judge a harmless document of the suspect's
        length, and one that was judged before, where there is one.
        """
        length = len(documents.column("_ids").combine_chunks().values)
        try:
            probe(engine, self._judge, self._judge.harmless(length, unit.start), alive)
            if self._control is not None:
                probe(engine, self._judge, self._control, alive)
                self._tally.tell(Tally.fit)
        except BaseException as error:  # noqa: BLE001 - an engine may raise anything
            self._end(Tally.unfit, unit.part, error)

    def _engine(self) -> Engine:
        """The engine, started if it was not; if it cannot be, this process ends.

        Ray starts the process anew, and the tally says how often it is to try on this machine.
        """
        if self._started is None:
            self._wait_for_turn()
            began = time.monotonic()
            self._tally.call(Tally.starting, self._id, self._node)
            try:
                with Watchdog(self._settings.config.start_s, self._process):
                    self._fetch_weights()
                    self._started = start_engine(self._settings)
                    probe(self._started, self._judge, self._judge.harmless(0, 0), lambda: None)
                    wrong = disagreement(self._started, self._examples)
            except Exception as error:
                # an error of ours is a sentence, which the driver says
                log.error("the engine did not start", exc_info=not isinstance(error, RmRayError))
                self._end(Tally.start_failed, self._id, error)
            if wrong and self._examples.refuse:
                self._tally.call(Tally.halt, f"{wrong}; --judge.on_wrong_example warn goes on")
            elif wrong:
                self._tally.tell(Tally.warn, wrong)
            self._tally.tell(Tally.started, self._id, self._node, time.monotonic() - began)
        return self._started

    def _wait_for_turn(self) -> None:
        """Not all machines fetch weights at once."""
        if self._settings.model.origin:
            while not self._tally.call(Tally.may_fetch, self._node):
                time.sleep(TURN_SECONDS)

    def _fetch_weights(self) -> None:
        config, model = self._settings.config, self._settings.model
        if model.origin is None:
            return
        try:
            place_model(model, config.weights_folder, weights=config.load_format != "dummy")
        finally:
            self._tally.call(Tally.has_fetched, self._node)

    def _end(
        self, tell: Callable[[Tally, str, str], None], what: str, error: BaseException
    ) -> NoReturn:
        """End this process once the tally has been told why, of a part or of this actor.

        vLLM registers a prefix's blocks when it schedules them: after a step that raised, blocks
        that were never computed would answer for the prompts to come.
        """
        try:
            self._tally.call(tell, what, one_line(error))
        finally:
            os._exit(1)  # Ray starts the actor anew, and gives it what is left of its block


def _pack(unit: Shard, rewards: pa.Table, counts: ScoreCounts, judge: Judge) -> list[pa.Table]:
    """The unit whole, or the pieces between its rows that failed."""
    if not failed_rows(rewards):
        return [pack(unit, rewards, counts.to_json())]
    pieces, stretches = stretches_between(unit, rewards)
    theirs = divide(counts, stretches, judge)
    return [
        pack(piece, rows, mine.to_json())
        for piece, rows, mine in zip(pieces, stretches, theirs, strict=True)
    ]


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


def probe(engine: Engine, judge: Judge, document: TokenIds, alive: Callable[[], None]) -> None:
    """Judge a document that no engine can stumble over, to tell a sick engine from a bad document.

    Raises:
        ArithmeticError: the answer is not a number.
    """
    (look, *_) = judge.looks(document)
    answers = answer_all(engine, judge.prompts(document, look), alive)
    verdict = judge.verdict(dict(zip(look, answers, strict=True)), len(document))
    if verdict.status != "ok":
        raise ArithmeticError(f"of a harmless document: {verdict.error}")
