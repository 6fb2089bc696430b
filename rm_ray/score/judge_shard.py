"""Takes a shard's documents through one engine: makes one output row per document, and counts."""

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
from rm_ray.score.each_document import judges_of
from rm_ray.score.rewards import reward_table


def judge_shard(
    shard: Shard,
    documents: pa.Table,
    judge: Judge,
    engine: Engine,
    listener: Listener,
    calibration: Calibration | None = None,
) -> tuple[pa.Table, ScoreCounts]:
    """Judge a shard's documents; return their output rows and counts.

    Args:
        shard: the rows of the file.
        documents: the read and tokenised documents of the shard.
        judge: asks about them.
        engine: answers.
        listener: told of the progress.
        calibration: makes the column `p_chosen`; None for no such column.

    Raises:
        Exception: any exception of the engine; the engine is broken then.
    """
    forwarded, preemptions = engine.counts.forwarded_tokens, engine.counts.preemptions
    ids = documents.column("_ids").combine_chunks()
    verdicts = Asking(ids, judges_of(documents, judge), listener).through(engine)
    statuses = documents.column("_status").to_pylist()
    errors = documents.column("_error").to_pylist()
    all_verdicts = [
        verdict if status == "ok" else judge.unscored(0, status, error)
        for verdict, status, error in zip(verdicts, statuses, errors, strict=True)
    ]
    rows = _table(shard, documents, all_verdicts, judge, calibration)
    counts = counts_of(rows, judge)
    # tokens forwarded for rows that failed are counted for no row
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
    """Make the output rows of documents that cannot be judged: `failed`, each with its reason.

    Args:
        shard: the rows of the file.
        documents: the read and tokenised documents of the shard.
        reasons: why each document cannot be judged, by its row in the file.
        judge: makes the verdicts.
        calibration: makes the column `p_chosen`; None for no such column.
    """
    lengths = documents.column("_ids").combine_chunks().value_lengths().to_pylist()
    verdicts = [
        judge.unscored(length, "failed", reasons[row])
        for length, row in zip(lengths, documents.column("_row").to_pylist(), strict=True)
    ]
    rows = _table(shard, documents, verdicts, judge, calibration)
    return rows, counts_of(rows, judge)


def divide(counts: ScoreCounts, stretches: Sequence[pa.Table], judge: Judge) -> list[ScoreCounts]:
    """Divide the counts of a shard among stretches of its rows.

    Forwarded tokens and preemptions are divided in proportion to the prompts' tokens.
    """
    divided = [counts_of(rows, judge) for rows in stretches]
    weights = [stretch.prompt_tokens for stretch in divided]
    forwarded = shares(counts.forwarded_tokens, weights)
    preemptions = shares(counts.preemptions, weights)
    for stretch, *work in zip(divided, forwarded, preemptions, strict=True):
        stretch.forwarded_tokens, stretch.preemptions = work
    return divided


def counts_of(rewards: pa.Table, judge: Judge) -> ScoreCounts:
    """Count output rows, without the engine's counts; the judge's work counts only `ok` rows."""
    statuses = Counter(rewards.column("status").to_pylist())
    lengths = rewards.column("n_tokens")
    counts = ScoreCounts(
        documents=len(rewards),
        rows=len(rewards),
        statuses=dict(sorted(statuses.items())),
        tokens=pc.sum(lengths).as_py() or 0,
    )
    return counts + judge.work(_only("ok", rewards, judge))


def _only(status: str, rewards: pa.Table, judge: Judge) -> pa.Table:
    """Return the judge's own columns, and lengths, of the rows with one status."""
    own = rewards.select(["n_tokens", *judge.columns.names])
    return own.filter(pc.equal(rewards.column("status"), status))


def _table(
    shard: Shard,
    documents: pa.Table,
    verdicts: Sequence[Verdict],
    judge: Judge,
    calibration: Calibration | None,
) -> pa.Table:
    """Make output rows of a shard's documents and their verdicts."""
    lengths = documents.column("_ids").combine_chunks().value_lengths().to_pylist()
    carried = {
        name: documents.column(name) for name in documents.column_names if not name.startswith("_")
    }
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
