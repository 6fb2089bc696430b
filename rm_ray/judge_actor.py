"""The judge stage: one actor, one engine; shards of token ids in, shards of rewards out.

Windows are made while the engine asks for them, document after document; answers come back in the
same order, so each belongs to the document that is next.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import ray

from rm_ray.engines import Engine, EngineSettings, start_engine
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.progress import Judged
from rm_ray.rewards import Counts, Verdict, judged, reward_table
from rm_ray.shard_row import pack, unpack

# How often an actor tells how far it is, seconds: often enough for a progress line.
REPORT_SECONDS = 2.0


class JudgeActor:
    """Holds the engine; called by Ray Data with blocks of packed shards."""

    def __init__(self, settings: EngineSettings, judge: Any, tally: Any) -> None:
        self._judge: PreferenceJudge = ray.get(judge)
        self._tally = tally
        began = time.monotonic()
        try:
            self._engine = start_engine(settings)
        except Exception as error:
            tally.failed.remote(f"the engine did not start: {_sentence(error)}")
            raise
        tally.started.remote(time.monotonic() - began)

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard of `block`; the note carries its counts."""
        for shard, documents, _ in unpack(block):
            try:
                rewards, counts = score_shard(
                    shard.file, documents, self._judge, self._engine, self._report
                )
            except Exception as error:
                rows = f"{shard.file}, rows {shard.start} to {shard.stop - 1}"
                self._tally.failed.remote(f"{rows} could not be judged: {_sentence(error)}")
                raise
            yield pack(shard, rewards, counts.to_json())

    def _report(self, progress: Judged) -> None:
        self._tally.judged.remote(progress)


def score_shard(
    source_file: str,
    documents: pa.Table,
    judge: PreferenceJudge,
    engine: Engine,
    report: Callable[[Judged], None] = lambda _: None,
) -> tuple[pa.Table, Counts]:
    """The output rows of one shard's documents, and what they cost."""
    before = replace(engine.counts)
    ids = documents.column("_ids").combine_chunks()
    given = zip(
        documents.column("_status").to_pylist(), documents.column("_error").to_pylist(), strict=True
    )
    lengths = ids.value_lengths().to_pylist()
    answers = engine.score(_prompts(ids, judge))
    meter = _Meter(report)
    verdicts: list[Verdict] = []
    for n_tokens, (status, error) in zip(lengths, given, strict=True):
        n_windows = judge.count_windows(n_tokens)
        rewards = [judge.chunk_reward(next(answers)) for _ in range(n_windows)]
        verdicts.append(
            judged(n_tokens, rewards) if status == "ok" else Verdict(n_tokens, 0, status, error)
        )
        meter.add(n_tokens, n_windows)
    next(answers, None)  # let the engine see the end
    meter.flush()
    names = [name for name in documents.column_names if not name.startswith("_")]
    carried = {name: documents.column(name) for name in names}
    table = reward_table(source_file, documents.column("_row"), carried, verdicts)
    return table, _counts(verdicts, judge, before, engine)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _prompts(ids: pa.LargeListArray, judge: PreferenceJudge) -> Iterator[list[int]]:
    for row in range(len(ids)):
        yield from judge.prompts(ids[row].values.to_numpy().tolist())


def _counts(
    verdicts: Sequence[Verdict], judge: PreferenceJudge, before: Any, engine: Engine
) -> Counts:
    statuses: dict[str, int] = {}
    for verdict in verdicts:
        statuses[verdict.status] = statuses.get(verdict.status, 0) + 1
    return Counts(
        documents=len(verdicts),
        statuses=statuses,
        tokens=sum(verdict.n_tokens for verdict in verdicts),
        windows=engine.counts.windows - before.windows,
        prompt_tokens=engine.counts.prompt_tokens - before.prompt_tokens,
        forwarded_tokens=engine.counts.forwarded_tokens - before.forwarded_tokens,
        minimum_tokens=sum(judge.exact_minimum(verdict.n_tokens) for verdict in verdicts),
        preemptions=engine.counts.preemptions - before.preemptions,
    )


class _Meter:
    """Adds up progress and reports it every REPORT_SECONDS."""

    def __init__(self, report: Callable[[Judged], None]) -> None:
        self._report = report
        self._sum = Judged()
        self._last = time.monotonic()

    def add(self, tokens: int, windows: int) -> None:
        s = self._sum
        self._sum = Judged(s.documents + 1, s.tokens + tokens, s.windows + windows)
        if time.monotonic() - self._last > REPORT_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._report(self._sum)
        self._sum = Judged()
        self._last = time.monotonic()
