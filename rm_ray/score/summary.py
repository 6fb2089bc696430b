"""Writes the scoring job's dry-run page, its closing lines and its part of metrics.json."""

from collections.abc import Collection, Mapping
from typing import Any

from typing_extensions import override

from rm_ray.corpus.plan import shards_of
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.output.folder import MEASURED_GPUS, SPEED
from rm_ray.run.progress.log import duration
from rm_ray.run.standing.metrics import Metric
from rm_ray.run.summary import RunSummary
from rm_ray.run.survey import Survey
from rm_ray.score.cost import Cost, reason_for_more
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import ScorePlanning

CHUNKS = Metric("rm_ray_chunks", "Chunks judged (prompts, of judges without chunks).", counter=True)
DOCUMENT_TOKENS = Metric("rm_ray_document_tokens", "Tokens of documents judged.", counter=True)
FORWARDED_TOKENS = Metric(
    "rm_ray_forwarded_tokens", "Tokens that went through the model.", counter=True
)
CACHE_HIT_RATE = Metric(
    "rm_ray_cache_hit_rate", "Share of the prompts' tokens that came from the prefix cache."
)
BUSY_SHARE = Metric("rm_ray_busy_share", "Share of the engines' time that was in the model.")


class ScoreSummary(RunSummary[ScorePlanning]):
    """ScoreSummary reports on a scoring run."""

    starting = "engines are starting"

    def __init__(self, reason: str, gpus: float) -> None:
        """Keep the reason why the engines may forward more than the exact minimum, and the GPUs of
        an engine.
        """
        self._reason, self._gpus = reason, gpus

    @override
    def measures(self, progress: RunProgress) -> dict[Metric, float]:
        return measures(progress)

    @override
    def speed(self, progress: RunProgress) -> str:
        return speed_text(progress)

    @override
    def metrics(
        self,
        totals: RunCounts,
        progress: RunProgress,
        before: Mapping[str, Any] | None,
        planning: ScorePlanning,
    ) -> dict[str, Any]:
        return metrics(ScoreCounts() + totals, progress, before, self._reason, self._gpus)

    @override
    def closing(
        self, totals: RunCounts, progress: RunProgress, planning: ScorePlanning
    ) -> list[str]:
        return totals_text(ScoreCounts() + totals, progress, self._reason)


def totals_text(totals: ScoreCounts, now: RunProgress, reason: str) -> list[str]:
    """Write the closing lines: of all parts of the run, then of this invocation.

    Args:
        totals: counts of all parts of the run.
        now: the progress of this invocation.
        reason: why the engine may forward more than the exact minimum.
    """
    statuses = ", ".join(f"{count:,} {status}" for status, count in totals.statuses.items())
    ratio = totals.forwarded_tokens / totals.minimum_tokens if totals.minimum_tokens else 1.0
    lines = [
        f"{totals.documents:,} documents ({statuses or 'none'}), {totals.tokens:,} tokens, "
        f"{totals.windows:,} windows",
        f"forwarded {totals.forwarded_tokens:,} tokens, {ratio:.4f} times the exact minimum "
        f"{totals.minimum_tokens:,}; {totals.preemptions:,} preemptions; "
        f"{_cached(totals):.1%} of the prompts' {totals.prompt_tokens:,} tokens from the cache",
    ]
    if because := _because(totals, reason):
        lines.append(f"more than the exact minimum was forwarded: {because}")
    if totals.truncated:
        lines.append(
            f"{totals.truncated_tokens:,} tokens of {totals.truncated:,} documents were cut off: "
            "the documents are longer than the judge's prompts (judge.max_tokens)"
        )
    if totals.partly_judged:
        lines.append(
            f"{totals.partly_judged:,} documents judged in part "
            f"({totals.partly_judged / totals.documents:.1%}): "
            f"{totals.minimum_tokens / totals.whole_minimum_tokens:.1%} of what judging every "
            "chunk would have cost"
        )
    work = _work(now)
    if now.judging_seconds and work.tokens:
        lines += [
            f"this run: {work.tokens:,} tokens in {duration(now.judging_seconds)} after "
            f"{duration(now.start_seconds)} of engine start, "
            f"{speed_text(now)}",
            time_text(rates(work)),
        ]
    if now.engines > 1 and now.judging_seconds:
        lines.append(
            f"the tail, in which some engines had no work left: {duration(now.tail_seconds)}, "
            f"{now.tail_seconds / now.judging_seconds:.0%} of the time"
        )
    return lines


def rates(work: ScoreCounts) -> dict[str, float]:
    """Compute speeds, and shares of the engines' time; the time of their start does not count."""
    engine_seconds = work.judge_seconds + work.wait_seconds
    host_seconds = work.judge_seconds - work.model_seconds
    return {
        "tokens_per_second_per_engine": _ratio(work.tokens, engine_seconds),
        SPEED: _ratio(work.forwarded_tokens, engine_seconds),
        "model_share": _ratio(work.model_seconds, engine_seconds),
        "step_share": _ratio(work.step_seconds, engine_seconds),
        "wait_share": _ratio(work.wait_seconds, engine_seconds),
        "host_us_per_window": _ratio(host_seconds, work.windows) * 1e6,
        "read_tokens_per_second_per_core": _ratio(
            work.read_tokens, work.read_seconds + work.tokenize_seconds
        ),
        "tokenize_share_of_reading": _ratio(
            work.tokenize_seconds, work.read_seconds + work.tokenize_seconds
        ),
        "commit_seconds_per_part": _ratio(work.commit_seconds, work.parts),
    }


def time_text(rate: Mapping[str, float]) -> str:
    """Write one line on how busy the engines were, and what they waited for."""
    return (
        f"engines: {rate['model_share']:.1%} of their time in the model, {rate['step_share']:.1%} "
        f"in steps, {rate['wait_share']:.1%} waiting for shards; "
        f"{rate['host_us_per_window']:,.0f} us of host work per window; reading and tokenising "
        f"{rate['read_tokens_per_second_per_core']:,.0f} tokens/s per core"
    )


def metrics(
    totals: ScoreCounts,
    now: RunProgress,
    before: Mapping[str, Any] | None,
    reason: str,
    gpus: float,
) -> dict[str, Any]:
    """Return the scoring job's own entries of metrics.json.

    The most important one is the speed of an engine, measured by the last invocation that judged
    anything: the cost of the next run is estimated from it.

    Args:
        totals: counts of all parts of the run.
        now: the progress of this invocation.
        before: the metrics.json of the invocation before; None if there is none.
        reason: why the engine may forward more than the exact minimum.
        gpus: GPUs of an engine; 0 on CPU.
    """
    work = _work(now)
    rate = rates(work)
    measured: dict[str, Any] = {SPEED: round(rate[SPEED], 1) or None, MEASURED_GPUS: gpus}
    if not work.windows and before:
        measured = {name: before.get(name) for name in measured}
    return {
        **measured,
        "totals": {
            "cached_fraction": round(_cached(totals), 6),
            "over_minimum_because": _because(totals, reason) or None,
        },
        "this_invocation": {
            "tokens_per_second": round(_ratio(work.tokens, now.judging_seconds), 1),
            **{name: round(value, 6) for name, value in rate.items()},
        },
    }


def measures(now: RunProgress) -> dict[Metric, float]:
    """Return the live metrics that scoring adds; shares are 0 until something is judged."""
    work = _work(now)
    return {
        CHUNKS: work.windows,
        DOCUMENT_TOKENS: work.tokens,
        FORWARDED_TOKENS: work.forwarded_tokens,
        CACHE_HIT_RATE: _cached(work),
        BUSY_SHARE: rates(work)["model_share"],
    }


def speed_text(now: RunProgress) -> str:
    """Return the speed, as progress lines show it."""
    return f"{_work(now).tokens / now.judging_seconds:,.0f} tokens/s"


def _work(now: RunProgress) -> ScoreCounts:
    """Return the work of this invocation as ScoreCounts."""
    return ScoreCounts() + now.work


def _ratio(part: float, whole: float) -> float:
    """Divide; 0 if the whole is 0."""
    return part / whole if whole else 0.0


def _because(totals: ScoreCounts, reason: str) -> str:
    """Return why notably more than the exact minimum was forwarded; empty if it was not."""
    return reason_for_more(totals.forwarded_tokens, totals.minimum_tokens, reason)


def _cached(totals: ScoreCounts) -> float:
    """Return the share of the prompts' tokens that the engine did not have to forward."""
    return 1 - totals.forwarded_tokens / totals.prompt_tokens if totals.prompt_tokens else 0.0


def dry_run_text(
    seen: Survey,
    committed: Collection[str],
    documents: int,
    new: ScorePlanning,
    cost: Cost,
) -> str:
    """Write the dry run's page: files, documents and shards, and the cost of those that are left.

    Args:
        seen: the corpus and the run's folder.
        committed: names of the parts that are committed.
        documents: all documents of the run.
        new: the files planned just now.
        cost: the cost of the documents that are left.
    """
    shards = list(shards_of(seen.files))
    done = sum(shard.part in committed for shard in shards)
    lines = [
        f"files          {len(seen.files):>15,}   ({len(new.files):,} new)",
        f"documents      {documents:>15,}",
        f"shards         {len(shards):>15,}   ({done:,} done, {len(shards) - done:,} left)",
        *([f"passed over    {skipped}"] if (skipped := seen.found.passed_over) else []),
        "left to do, estimated from a sample of documents:",
        f"  tokens       {cost.left.tokens:>15,.0f}",
        f"  windows      {cost.left.windows:>15,.0f}{cost.most}",
        f"  forwarded    {cost.left.needed_tokens:>15,.0f}   tokens, {cost.forwarded_text}",
        f"  {cost.price.unit:<12} {cost.hours_text:>15}   {cost.source_text}",
        f"output         {seen.run.uri} (nothing written)",
    ]
    return "\n".join(lines)
