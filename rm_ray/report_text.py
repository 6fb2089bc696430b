"""What the scoring job tells a person: the dry run's page and the closing lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rm_ray.plan import PlannedFile, shards_of
from rm_ray.planning import NewFiles
from rm_ray.progress import Standing, duration
from rm_ray.rewards import Counts

if TYPE_CHECKING:
    from rm_ray.scoring import Job


def totals_text(totals: Counts, standing: Standing | None) -> list[str]:
    """The closing lines: over all parts of the run, then of this invocation."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in totals.statuses.items())
    ratio = totals.forwarded_tokens / totals.minimum_tokens if totals.minimum_tokens else 1.0
    lines = [
        f"{totals.documents:,} documents ({statuses or 'none'}), {totals.tokens:,} tokens, "
        f"{totals.windows:,} windows",
        f"forwarded {totals.forwarded_tokens:,} tokens, {ratio:.4f} times the exact minimum "
        f"{totals.minimum_tokens:,}; {totals.preemptions:,} preemptions",
    ]
    if standing and standing.judging_seconds:
        lines.append(
            f"this run: {standing.tokens:,} tokens in {duration(standing.judging_seconds)} after "
            f"{duration(standing.start_seconds)} of engine start, "
            f"{standing.tokens / standing.judging_seconds:,.0f} tokens/s"
        )
    return lines


def dry_run_text(
    output: str, plan: Sequence[PlannedFile], done: int, documents: int, new: NewFiles, job: "Job"
) -> str:
    """Files, rows, shards done and left, and what the new files would cost."""
    shards = list(shards_of(plan))
    estimate = new.sample.scaled_to(new.text_bytes * job.sample.fraction)
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
