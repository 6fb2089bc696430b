"""The judge stage: one actor, one engine; shards of token ids in, shards of rewards out."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rm_ray.engines import Engine, EngineSettings, start_engine
from rm_ray.errors import one_line
from rm_ray.judge_shard import failed_rows, pieces_between, score_shard
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.plan import Shard
from rm_ray.rewards import Counts
from rm_ray.shard_row import pack, unpack
from rm_ray.staging import Staging
from rm_ray.tally import Work
from rm_ray.watchdog import Watchdog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """How judging some rows of a shard ended.

    `failed`: rows whose answer was no number, with the reason. `staged`: what was staged.
    `error`: the engine raised this. `broken`: the engine cannot judge anything any more.
    """

    failed: dict[int, str] = field(default_factory=dict)
    staged: tuple[Shard, ...] = ()
    error: str | None = None
    broken: bool = False


class JudgeActor:
    """Holds the engine; called by Ray Data with blocks of packed shards.

    The engine starts with the first call and not with the actor: Ray Data gives up a pool of which
    one actor could not be made, and waits for ever for one that cannot be made again.
    """

    def __init__(self, settings: EngineSettings, judge: Any, tally: Any, staging: Staging) -> None:
        self._settings = settings
        self._judge: PreferenceJudge = ray.get(judge) if isinstance(judge, ray.ObjectRef) else judge
        self._tally = tally
        self._staging = staging
        self._silence = settings.config.silence_s
        self._started: Engine | None = None
        self._ended: float | None = None

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard of `block` that is judged to its end."""
        if ray.get(self._tally.halted.remote()) or not self._can_start():
            return
        for shard, documents, _ in unpack(block):
            waited = time.monotonic() - self._ended if self._ended else 0.0
            if ray.get(self._tally.begin.remote(shard.part, str(shard))):
                return  # the run is stopping
            try:
                attempt, rewards, counts = self._attempt(shard, documents, self._report)
            except OSError as error:
                ray.get(self._tally.halt.remote(f"cannot stage pieces of {shard}: {error}"))
                return
            if attempt.broken:
                why = attempt.error or "an engine broke"
                ray.get(self._tally.suspect.remote(shard.part, str(shard), why))
                os._exit(1)  # Ray starts the actor anew, and the tally does not give it this shard
            if attempt.error or attempt.failed:
                reason = attempt.error or next(iter(attempt.failed.values()))
                ray.get(self._tally.suspect.remote(shard.part, str(shard), reason))
                continue
            self._tally.done.remote(shard.part)
            self._report(Work(wait_seconds=waited))
            self._ended = time.monotonic()
            yield pack(shard, rewards, counts.to_json())

    def judge_span(self, documents: pa.Table, span: Shard) -> Attempt:
        """Judge those of a shard's documents that are in `span`, and stage their rows."""
        chosen = _rows_of(documents, span)
        attempt, rewards, counts = self._attempt(span, chosen, lambda _: None)
        if attempt.error or attempt.failed:
            return attempt
        self._staging.keep(span, rewards, counts)
        return replace(attempt, staged=(span,))

    def judges_well(self, documents: pa.Table, known: Sequence[Shard]) -> bool | None:
        """Whether a document that was judged before is judged now; None if there is none to try."""
        for span in known:
            rows = _rows_of(documents, span)
            for i, ids in enumerate(rows.column("_ids")):
                if self._judge.judgeable(len(ids)):
                    row = rows.column("_row")[i].as_py()
                    alone = Shard(span.file, row, row + 1)
                    attempt, _, _ = self._attempt(alone, rows.slice(i, 1), lambda _: None)
                    return not attempt.error and not attempt.failed
        return None

    def start(self) -> str:
        """Start the engine; the node it is on.

        Raises:
            Exception: whatever the engine does.
        """
        if self._started is None:
            began = time.monotonic()
            engine = start_engine(self._settings)
            with Watchdog(self._silence):
                probe(engine, self._judge)
            self._started = engine
            self._tally.started.remote(time.monotonic() - began)
        return str(ray.get_runtime_context().get_node_id())

    def _can_start(self) -> bool:
        """Start the engine; False if it cannot and the run is stopping, the end of this process
        if another one may: Ray starts it, where it has room.
        """
        try:
            self.start()
        except Exception as error:
            reason = f"the engine did not start: {one_line(error)}"
            log.error("%s", reason, exc_info=True)
            if not ray.get(self._tally.start_failed.remote(reason)):
                os._exit(1)
            return False
        return True

    def _attempt(
        self, span: Shard, documents: pa.Table, report: Callable[[Work], None]
    ) -> tuple[Attempt, pa.Table, Counts]:
        """Judge the documents; where only some fail, the rows between them are staged.

        An engine that raised is broken: vLLM registers a prefix's blocks when it schedules them,
        and blocks that were never computed would answer for the prompts after.

        Raises:
            OSError: the rows could not be staged.
        """
        try:
            with Watchdog(self._silence) as watchdog:
                rewards, counts = score_shard(
                    span.file, documents, self._judge, self._engine, report, watchdog.alive
                )
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            self._started = None
            return Attempt(error=one_line(error), broken=True), None, Counts()
        failed = failed_rows(rewards)
        if not failed:
            return Attempt(), rewards, counts
        if self._is_broken():
            return Attempt(failed, error="it answers with no numbers", broken=True), None, Counts()
        staged = []
        for piece, some, theirs in pieces_between(span, rewards, counts, self._judge):
            self._staging.keep(piece, some, theirs)
            staged.append(piece)
        return Attempt(failed, tuple(staged)), rewards, counts

    def _is_broken(self) -> bool:
        try:
            with Watchdog(self._silence):
                probe(self._engine, self._judge)
        except Exception:  # noqa: BLE001
            return True
        return False

    @property
    def _engine(self) -> Engine:
        if self._started is None:
            raise RuntimeError("the engine has not been started")
        return self._started

    def _report(self, work: Work) -> None:
        self._tally.add.remote(work)


def _rows_of(documents: pa.Table, span: Shard) -> pa.Table:
    rows = pc.field("_row")
    return documents.filter((rows >= span.start) & (rows < span.stop)).combine_chunks()


def probe(engine: Engine, judge: PreferenceJudge) -> None:
    """Judge a document that no engine can stumble over, to tell a sick engine from a bad document.

    Raises:
        ArithmeticError: the answer is not a number.
    """
    ids = [judge.label_ids[0]] * (2 * judge.rule.chunk)
    for answer in engine.score(judge.prompts(ids)):
        if not math.isfinite(judge.chunk_reward(answer)):
            raise ArithmeticError("the engine's answer to a harmless document is not a number")
