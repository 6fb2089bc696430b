"""The judge stage: an actor with one engine turns shards of token ids into shards of rewards."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import ray

from rm_ray.corpus.shards import Shard
from rm_ray.engines.engine import Engine, EngineSettings, answer_all
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import Judge, TokenIds
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.pieces import failed_rows, stretches_between
from rm_ray.run.output.shard_row import pack
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.engine_actor import EngineActor, Reporter
from rm_ray.score.examples import JudgeExamples, disagreement
from rm_ray.score.judge_shard import divide, judge_shard


class JudgeActor(EngineActor):
    """Judges documents with its engine."""

    def __init__(
        self,
        settings: EngineSettings,
        judge_ref: Any,
        examples: JudgeExamples,
        tally: TallyHandle,
        control_ref: Any,
        calibration: Calibration | None = None,
    ) -> None:
        """Take over the job's settings, and start the engine.

        Args:
            settings: how to start the engine.
            judge_ref: a Ray reference to the asking half of the judge.
            examples: documents with published rewards.
            tally: told of progress and faults.
            control_ref: a Ray reference to the token ids of a document that was judged before; None
                if there is none.
            calibration: makes the column `p_chosen`; None for no such column.
        """
        self._examples = examples
        self._calibration = calibration
        self._judge: Judge = ray.get(judge_ref)
        self._control: TokenIds | None = ray.get(control_ref) if control_ref else None
        super().__init__(settings, tally)

    def work(
        self, span: Shard, documents: pa.Table, engine: Engine, listener: Reporter
    ) -> tuple[list[pa.Table], Mapping[int, str]]:
        """Judge the documents; if some failed, pack the pieces between the failed rows."""
        rewards, counts = judge_shard(
            span, documents, self._judge, engine, listener, self._calibration
        )
        failed = failed_rows(rewards)
        return _pack(span, rewards, counts, self._judge), failed

    def check(
        self, span: Shard, documents: pa.Table, engine: Engine, alive: Callable[[], None]
    ) -> None:
        """Judge a harmless document of the suspect's length, and one that was judged before.

        The second is left out if no such document is known.
        """
        length = len(documents.column("_ids").combine_chunks().values)
        probe(engine, self._judge, self._judge.harmless(length, span.start), alive)
        if self._control is not None:
            probe(engine, self._judge, self._control, alive)
            self.tally.tell(Tally.note_good_engine)

    def try_out(self, engine: Engine) -> str | None:
        """Judge a harmless document, and the examples; return how their rewards differ."""
        probe(engine, self._judge, self._judge.harmless(0, 0), lambda: None)
        return disagreement(engine, self._examples)

    def tell_wrong(self, wrong: str) -> None:
        """Warn of an example whose reward is wrong, or stop the run, as the configuration says."""
        if self._examples.refuse:
            self.tally.call(
                Tally.halt, f"{wrong}; to score all the same, give --judge.on_wrong_example warn"
            )
        else:
            super().tell_wrong(wrong)


def _pack(span: Shard, rewards: pa.Table, counts: ScoreCounts, judge: Judge) -> list[pa.Table]:
    """Pack the whole shard or piece, or the pieces between its failed rows."""
    if not failed_rows(rewards):
        return [pack(span, rewards, counts.to_json())]
    pieces, stretches = stretches_between(span, rewards)
    divided = divide(counts, stretches, judge)
    return [
        pack(piece, rows, piece_counts.to_json())
        for piece, rows, piece_counts in zip(pieces, stretches, divided, strict=True)
    ]


def probe(engine: Engine, judge: Judge, document: TokenIds, alive: Callable[[], None]) -> None:
    """Judge a document that no engine can fail on, to tell a broken engine from a bad document.

    Raises:
        ArithmeticError: the answer is not a number.
    """
    (look, *_) = judge.looks(document)
    answers = answer_all(engine, judge.prompts(document, look), alive)
    verdict = judge.verdict(dict(zip(look, answers, strict=True)), len(document))
    if verdict.status != "ok":
        raise ArithmeticError(f"judging a harmless document failed: {verdict.error}")
