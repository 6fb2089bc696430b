"""A shard's documents through one engine: one output row a document, and what they cost."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.shards import Shard
from rm_ray.counts.summable import shares
from rm_ray.engines.engine import Engine
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import Judge, Verdict
from rm_ray.score.asking import Asking, Listener
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.rewards import reward_table


def judge_shard(
    shard: Shard,
    documents: pa.Table,
    judge: Judge,
    engine: Engine,
    listener: Listener,
    calibration: Calibration | None = None,
) -> tuple[pa.Table, ScoreCounts]:
    """The output rows of a shard's documents, and their counts.

    Args:
        calibration: makes the column `p_chosen`.

    Raises:
        Exception: whatever the engine does; it is broken then.
    """
    forwarded, preemptions = engine.counts.forwarded_tokens, engine.counts.preemptions
    ids = documents.column("_ids").combine_chunks()
    verdicts = Asking(ids, judge, listener).through(engine)
    statuses = documents.column("_status").to_pylist()
    errors = documents.column("_error").to_pylist()
    told = [
        verdict if status == "ok" else judge.unscored(0, status, error)
        for verdict, status, error in zip(verdicts, statuses, errors, strict=True)
    ]
    rows = _table(shard, documents, told, judge, calibration)
    counts = counts_of(rows, judge)
    # what was forwarded for rows that failed belongs to no row
    weights = counts.prompt_tokens, judge.work(_only("failed", rows, judge)).prompt_tokens
    counts.forwarded_tokens, _ = shares(engine.counts.forwarded_tokens - forwarded, weights)
    counts.preemptions, _ = shares(engine.counts.preemptions - preemptions, weights)
    return rows, counts


def give_up(
    shard: Shard,
    documents: pa.Table,
    reasons: Mapping[int, str],
    judge: Judge,
    calibration: Calibration | None = None,
) -> tuple[pa.Table, ScoreCounts]:
    """The output rows of documents that cannot be judged: `failed`, each with its reason."""
    lengths = documents.column("_ids").combine_chunks().value_lengths().to_pylist()
    verdicts = [
        judge.unscored(length, "failed", reasons[row])
        for length, row in zip(lengths, documents.column("_row").to_pylist(), strict=True)
    ]
    rows = _table(shard, documents, verdicts, judge, calibration)
    return rows, counts_of(rows, judge)


def divide(counts: ScoreCounts, stretches: Sequence[pa.Table], judge: Judge) -> list[ScoreCounts]:
    """The counts of stretches of a shard's rows, which has these counts.

    What the engine forwarded is shared out by the prompts' tokens.
    """
    theirs = [counts_of(rows, judge) for rows in stretches]
    weights = [one.prompt_tokens for one in theirs]
    forwarded = shares(counts.forwarded_tokens, weights)
    preemptions = shares(counts.preemptions, weights)
    for mine, *work in zip(theirs, forwarded, preemptions, strict=True):
        mine.forwarded_tokens, mine.preemptions = work
    return theirs


def counts_of(rewards: pa.Table, judge: Judge) -> ScoreCounts:
    """What output rows say of themselves, without what their engine did; work only of those ok."""
    statuses = Counter(rewards.column("status").to_pylist())
    lengths = rewards.column("n_tokens")
    found = ScoreCounts(
        documents=len(rewards),
        rows=len(rewards),
        statuses=dict(sorted(statuses.items())),
        tokens=pc.sum(lengths).as_py() or 0,
    )
    return found + judge.work(_only("ok", rewards, judge))


def _only(status: str, rewards: pa.Table, judge: Judge) -> pa.Table:
    """What the judge says of the rows of one status; what was carried is left out."""
    own = rewards.select(["n_tokens", *judge.columns.names])
    return own.filter(pc.equal(rewards.column("status"), status))


def _table(
    shard: Shard,
    documents: pa.Table,
    verdicts: Sequence[Verdict],
    judge: Judge,
    calibration: Calibration | None,
) -> pa.Table:
    lengths = documents.column("_ids").combine_chunks().value_lengths().to_pylist()
    carried = {n: documents.column(n) for n in documents.column_names if not n.startswith("_")}
    rows = documents.column("_row")
    return reward_table(
        shard.file,
        rows,
        carried=carried,
        lengths=lengths,
        verdicts=verdicts,
        family=judge.columns,
        calibration=calibration,
    )
