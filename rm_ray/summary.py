"""What the scoring job says of itself: the dry run's page, the closing lines, metrics.json."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rm_ray.plan import PlannedFile, RowSample, shards_of
from rm_ray.plan_corpus import NewFiles
from rm_ray.progress import RunProgress, duration
from rm_ray.rewards import Counts
from rm_ray.run import installed_versions


def totals_text(totals: Counts, standing: RunProgress | None) -> list[str]:
    """The closing lines: over all parts of the run, then of this invocation."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in totals.statuses.items())
    ratio = totals.forwarded_tokens / totals.minimum_tokens if totals.minimum_tokens else 1.0
    lines = [
        f"{totals.documents:,} documents ({statuses or 'none'}), {totals.tokens:,} tokens, "
        f"{totals.windows:,} windows",
        f"forwarded {totals.forwarded_tokens:,} tokens, {ratio:.4f} times the exact minimum "
        f"{totals.minimum_tokens:,}; {totals.preemptions:,} preemptions; "
        f"{_cached(totals):.1%} of the prompts' {totals.prompt_tokens:,} tokens from the cache",
    ]
    if standing and standing.judging_seconds:
        lines.append(
            f"this run: {standing.tokens:,} tokens in {duration(standing.judging_seconds)} after "
            f"{duration(standing.start_seconds)} of engine start, "
            f"{standing.tokens / standing.judging_seconds:,.0f} tokens/s"
        )
    return lines


def metrics(
    totals: Counts, shards: int, missing: int, standing: RunProgress | None, seconds: float
) -> dict[str, Any]:
    """The content of metrics.json: totals over the parts, then what this invocation did."""
    invocation: dict[str, Any] | None = None
    if standing:
        per_second = standing.tokens / standing.judging_seconds if standing.judging_seconds else 0.0
        invocation = {
            "pipeline_seconds": round(seconds, 3),
            **asdict(standing),
            "tokens_per_second": round(per_second, 1),
        }
    return {
        "totals": {
            "shards": shards,
            "missing_shards": missing,
            **asdict(totals),
            "cached_fraction": round(_cached(totals), 6),
        },
        "this_invocation": invocation,
        "versions": installed_versions(),
    }


def _cached(totals: Counts) -> float:
    """Share of the prompts' tokens that the engine did not have to forward."""
    return 1 - totals.forwarded_tokens / totals.prompt_tokens if totals.prompt_tokens else 0.0


def dry_run_text(
    output: str,
    plan: Sequence[PlannedFile],
    done: int,
    documents: int,
    new: NewFiles,
    sample: RowSample,
) -> str:
    """Files, rows, shards done and left, and what the new files would cost."""
    shards = list(shards_of(plan))
    estimate = new.estimate.scaled_to(new.text_bytes * sample.fraction)
    lines = [
        f"files          {len(plan):>15,}   ({len(new.files):,} new)",
        f"documents      {documents:>15,}",
        f"shards         {len(shards):>15,}   ({done:,} done, {len(shards) - done:,} left)",
        "new files, estimated from a sample of documents:",
        f"  tokens       {estimate.tokens:>15,.0f}",
        f"  windows      {estimate.windows:>15,.0f}",
        f"  forwarded    {estimate.minimum_tokens:>15,.0f}   tokens, the exact minimum",
        f"output         {output} (nothing written)",
    ]
    return "\n".join(lines)
