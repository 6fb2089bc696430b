"""What the scoring job says of itself: the dry run's page, the closing lines, metrics.json."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rm_ray.corpus.shards import PlannedFile, shards_of
from rm_ray.counts import Counts
from rm_ray.run.folder import installed_versions
from rm_ray.run.progress import duration
from rm_ray.run.tally import RunProgress
from rm_ray.score.cost import SPEED, Cost
from rm_ray.score.planning import NewFiles


def totals_text(totals: Counts, now: RunProgress) -> list[str]:
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
    if totals.partly_judged:
        lines.append(
            f"{totals.partly_judged:,} documents judged in part "
            f"({totals.partly_judged / totals.documents:.1%}): "
            f"{totals.minimum_tokens / totals.whole_minimum_tokens:.1%} of what judging every "
            "chunk would have cost"
        )
    if now.judging_seconds and now.work.tokens:
        lines += [
            f"this run: {now.work.tokens:,} tokens in {duration(now.judging_seconds)} after "
            f"{duration(now.start_seconds)} of engine start, "
            f"{now.work.tokens / now.judging_seconds:,.0f} tokens/s",
            time_text(rates(now.work)),
        ]
    return lines


def rates(work: Counts) -> dict[str, float]:
    """Where the time went. Shares are of the time that engines had, start-up left out."""
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
    """One line: how busy the engines were, and what kept them."""
    return (
        f"engines: {rate['model_share']:.1%} of their time in the model, {rate['step_share']:.1%} "
        f"in steps, {rate['wait_share']:.1%} waiting for shards; "
        f"{rate['host_us_per_window']:,.0f} us of host work a window; reading and tokenising "
        f"{rate['read_tokens_per_second_per_core']:,.0f} tokens/s a core"
    )


def metrics(
    totals: Counts,
    shards: int,
    problems: Sequence[str],
    skipped: Mapping[str, str],
    now: RunProgress,
    seconds: float,
) -> dict[str, Any]:
    """The content of metrics.json: totals over the parts, then what this invocation did.

    Above both an engine's speed, as measured by the last invocation that judged anything.
    """
    per_second = _ratio(now.work.tokens, now.judging_seconds)
    rate = rates(now.work)
    return {
        SPEED: round(rate[SPEED], 1) or None,
        "totals": {
            "shards": shards,
            "problems": len(problems),
            **totals.stored(),
            "cached_fraction": round(_cached(totals), 6),
            "skipped_files": dict(skipped),
        },
        "this_invocation": {
            "seconds": round(seconds, 3),
            **asdict(now),
            "tokens_per_second": round(per_second, 1),
            **{name: round(value, 6) for name, value in rate.items()},
        },
        "versions": installed_versions(),
    }


def incomplete_text(problems: Sequence[str], shards: int, now: RunProgress) -> str:
    """Why the run is not complete and what to do, in one sentence."""
    missing = [problem for problem in problems if problem.endswith(": missing")]
    wrong = [problem for problem in problems if not problem.endswith(": missing")]
    stopped = f"stopped before the end, {now.halted.rstrip('.')}: " if now.halted else ""
    reason = ""
    if now.first_fault and not now.halted:
        reason = f"; first reason: {now.first_fault.rstrip('.')}"
    if wrong:
        return (
            f"{stopped}{len(wrong)} parts are wrong, first {wrong[0]}; remove them and run the "
            f"same command again ({len(missing)} of {shards} shards are not done{reason})"
        )
    return (
        f"{stopped}{len(missing)} of {shards} shards are not done, first {missing[0]}{reason}. "
        "Run the same command again to go on"
    )


def skipped_text(skipped: Mapping[str, str]) -> str:
    """What to add to the closing sentence of a run that went on without some files."""
    if not skipped:
        return ""
    first = next(iter(skipped.values()))
    return f"; without {len(skipped)} unreadable input files, first: {first}"


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _cached(totals: Counts) -> float:
    """Share of the prompts' tokens that the engine did not have to forward."""
    return 1 - totals.forwarded_tokens / totals.prompt_tokens if totals.prompt_tokens else 0.0


def dry_run_text(
    output: str,
    plan: Sequence[PlannedFile],
    committed: Collection[str],
    documents: int,
    new: NewFiles,
    cost: Cost,
) -> str:
    """Files, rows, shards done and left, and what is left would cost."""
    shards = list(shards_of(plan))
    done = sum(shard.part in committed for shard in shards)
    lines = [
        f"files          {len(plan):>15,}   ({len(new.files):,} new)",
        f"documents      {documents:>15,}",
        f"shards         {len(shards):>15,}   ({done:,} done, {len(shards) - done:,} left)",
        "left to do, estimated from a sample of documents:",
        f"  tokens       {cost.left.tokens:>15,.0f}",
        f"  windows      {cost.left.windows:>15,.0f}{cost.most}",
        f"  forwarded    {cost.left.minimum_tokens:>15,.0f}   tokens, the exact minimum{cost.most}",
        f"  {cost.unit:<12} {cost.hours_text:>15}   {cost.source}",
        f"output         {output} (nothing written)",
    ]
    return "\n".join(lines)
