"""One shard through one engine: windows in, answers out, one output row a document."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.asking import Asking
from rm_ray.engines import Engine, EngineCounts
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.plan import Shard
from rm_ray.rewards import Counts, Verdict, reward_table
from rm_ray.tally import Work

# How often an actor tells how far it is, seconds: often enough for a progress line.
REPORT_SECONDS = 2.0


def score_shard(
    source_file: str,
    documents: pa.Table,
    judge: PreferenceJudge,
    engine: Engine,
    report: Callable[[Work], None] = lambda _: None,
    alive: Callable[[], None] = lambda: None,
) -> tuple[pa.Table, Counts]:
    """The output rows of one shard's documents, and what they cost."""
    before = replace(engine.counts)
    ids = documents.column("_ids").combine_chunks()
    asking = Asking(ids, judge)
    meter = _Meter(report, engine.counts)
    for answer in engine.score(asking.prompts()):
        alive()
        if ended := asking.answer(judge.chunk_reward(answer)):
            meter.add(len(ended.ids), len(ended.rewards))
    for document in asking.documents():
        if not document.rewards:
            meter.add(len(document.ids), 0)
    meter.flush()
    given = zip(
        documents.column("_status").to_pylist(), documents.column("_error").to_pylist(), strict=True
    )
    verdicts = [
        document.verdict() if status == "ok" else Verdict(len(document.ids), 0, status, error)
        for document, (status, error) in zip(asking.documents(), given, strict=True)
    ]
    table = reward_table(source_file, documents.column("_row"), _carried(documents), verdicts)
    work = Counts(
        windows=engine.counts.windows - before.windows,
        prompt_tokens=engine.counts.prompt_tokens - before.prompt_tokens,
        forwarded_tokens=engine.counts.forwarded_tokens - before.forwarded_tokens,
        preemptions=engine.counts.preemptions - before.preemptions,
    )
    return table, count_rows(table, judge) + work


def failed_rows(rewards: pa.Table) -> dict[int, str]:
    """The numbers of the rows that are `failed`, with their errors."""
    failed = rewards.filter(pc.equal(rewards.column("status"), "failed"))
    return dict(
        zip(failed.column("row").to_pylist(), failed.column("error").to_pylist(), strict=True)
    )


def pieces_between(
    span: Shard, rewards: pa.Table, counts: Counts, judge: PreferenceJudge
) -> Iterator[tuple[Shard, pa.Table, Counts]]:
    """The rows of `span` between those that failed, as pieces; the first carries the engine's work.

    `judge` counts what each piece's documents need.
    """
    work = counts
    cuts = [span.start - 1, *failed_rows(rewards), span.stop]
    for before, after in pairwise(cuts):
        piece = Shard(span.file, before + 1, after)
        if piece.start == piece.stop:
            continue
        rows = pc.field("row")
        some = rewards.filter((rows >= piece.start) & (rows < piece.stop)).combine_chunks()
        yield piece, some, count_rows(some, judge) + work.engine_only()
        work = Counts()


def count_rows(rewards: pa.Table, judge: PreferenceJudge) -> Counts:
    """What output rows say of themselves, without what their engine did."""
    lengths = rewards.column("n_tokens").to_pylist()
    statuses = Counter(rewards.column("status").to_pylist())
    whole = list(map(judge.exact_minimum, lengths))
    minimum, stopped = whole, 0
    if not judge.chunks.is_all:
        judged = rewards.column("judged_chunks").to_pylist()
        minimum = list(map(judge.exact_minimum, lengths, judged))
        stopped = sum(
            chunks is not None and len(chunks) < len(judge.judgeable(n_tokens))
            for chunks, n_tokens in zip(judged, lengths, strict=True)
        )
    return Counts(
        documents=len(rewards),
        statuses=dict(sorted(statuses.items())),
        tokens=sum(lengths),
        minimum_tokens=sum(minimum),
        whole_minimum_tokens=sum(whole),
        partly_judged=stopped,
    )


def give_up(
    source_file: str, documents: pa.Table, reasons: Mapping[int, str], judge: PreferenceJudge
) -> tuple[pa.Table, Counts]:
    """The output rows of documents that cannot be judged: `failed`, each with its reason."""
    ids = documents.column("_ids").combine_chunks()
    verdicts = [
        Verdict(length, len(judge.judgeable(length)), "failed", reasons[row])
        for row, length in zip(
            documents.column("_row").to_pylist(), ids.value_lengths().to_pylist(), strict=True
        )
    ]
    table = reward_table(source_file, documents.column("_row"), _carried(documents), verdicts)
    return table, count_rows(table, judge)


def _carried(documents: pa.Table) -> dict[str, pa.Array]:
    names = [name for name in documents.column_names if not name.startswith("_")]
    return {name: documents.column(name) for name in names}


class _Meter:
    """Adds up documents and the time since the last report, and reports every REPORT_SECONDS."""

    def __init__(self, report: Callable[[Work], None], counts: EngineCounts) -> None:
        self._report = report
        self._counts = counts
        self._start()

    def add(self, tokens: int, windows: int) -> None:
        self._documents += 1
        self._tokens += tokens
        self._windows += windows
        if time.perf_counter() - self._began > REPORT_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._report(
            Work(
                documents=self._documents,
                tokens=self._tokens,
                windows=self._windows,
                forwarded_tokens=self._counts.forwarded_tokens - self._forwarded,
                judge_seconds=time.perf_counter() - self._began,
                step_seconds=self._counts.step_seconds - self._steps,
                model_seconds=self._counts.model_seconds - self._model,
            )
        )
        self._start()

    def _start(self) -> None:
        self._documents = self._tokens = self._windows = 0
        self._began = time.perf_counter()
        self._forwarded = self._counts.forwarded_tokens
        self._steps, self._model = self._counts.step_seconds, self._counts.model_seconds
