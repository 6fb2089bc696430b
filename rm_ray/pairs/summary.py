"""The texts and figures of the pairs job: dry run's page, closing lines, metrics, manifest."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from rm_ray.pairs.config import GENERATED, PairsJobConfig
from rm_ray.pairs.counts import PairCounts
from rm_ray.pairs.planning import PairsPlanning
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.standing.metrics import Metric
from rm_ray.run.standing.price import Price, dollars, number
from rm_ray.run.summary import RunSummary
from rm_ray.run.survey import Survey

# The key of metrics.json from which the hours of the next run are estimated.
PAIRS_SPEED = "generated_pairs_per_second_per_engine"
PAIRS_WRITTEN = Metric("rm_ray_generated_pairs", "Pairs that an engine wrote.", counter=True)


class PairsSummary(RunSummary[PairsPlanning]):
    """The lines and figures that a run of the pairs job gives."""

    starting = "nothing is made yet"

    @override
    def measures(self, progress: RunProgress) -> dict[Metric, float]:
        return {PAIRS_WRITTEN: _work(progress).windows}

    @override
    def speed(self, progress: RunProgress) -> str:
        return f"{_work(progress).tokens / progress.judging_seconds:,.0f} tokens/s"

    @override
    def metrics(
        self,
        totals: RunCounts,
        progress: RunProgress,
        before: Mapping[str, Any] | None,
        planning: PairsPlanning,
    ) -> dict[str, Any]:
        return {PAIRS_SPEED: _speed(_work(progress)) or (before or {}).get(PAIRS_SPEED)}

    @override
    def closing(
        self, totals: RunCounts, progress: RunProgress, planning: PairsPlanning
    ) -> list[str]:
        pairs = PairCounts() + totals
        lines = [
            f"{pairs.documents:,} documents ({_listed(pairs.statuses)}), {pairs.rows:,} pairs "
            f"({_listed(pairs.splits)})",
            f"kinds: {_listed(pairs.kinds)}",
        ]
        if pairs.given_up:
            lines.append(
                "given up, since no try gave a worse chunk that was long enough: "
                f"{_listed(pairs.given_up)}"
            )
        return lines


def manifest(run: Mapping[str, Any], pairs: PairCounts) -> dict[str, Any]:
    """Return the content of manifest.json: counts of the pairs, and the settings of the run.

    Args:
        run: the content of run.json.
        pairs: the counts of all pairs.
    """
    made = run["fingerprint"]
    return {
        "documents": {"all": pairs.documents, **pairs.statuses},
        "pairs": pairs.rows,
        "kinds": pairs.kinds,
        "splits": pairs.splits,
        "extents": pairs.extents,
        "contexts": pairs.contexts,
        "given_up": pairs.given_up,
        "tokenizer": made["tokenizer"],
        "chunk_tokens": made["judge.chunk_tokens"],
        "settings": made,
        "config": run["config"],
        "versions": run["versions"],
    }


def dry_run_text(
    seen: Survey,
    config: PairsJobConfig,
    new: PairsPlanning,
    documents: int,
    left: int,
    average: float,
) -> str:
    """Return the dry run's page: files, documents, pairs by kind, and the cost of generated pairs.

    Args:
        seen: the survey of the corpus and the run's folder.
        config: the configuration of the job.
        new: the plan of new files.
        documents: number of documents of the corpus.
        left: number of documents in missing shards.
        average: pairs of a document that was planned before.
    """
    metrics = seen.run.metrics() or {}
    fresh = sum(file.rows - new.continued.get(file.path, 0) for file in new.files)
    pairs = new.estimate.windows + max(0, left - fresh) * average
    weights = config.pairs.weights
    width = max(map(len, weights))
    generated = pairs * config.pairs.generated_fraction
    lines = [
        f"files          {len(seen.files):>15,}   ({len(new.files):,} new)",
        f"documents      {documents:>15,}   ({left:,} left)",
        *([f"passed over    {beside}"] if (beside := seen.found.passed_over) else []),
        f"pairs          {pairs:>15,.0f}   left to make, estimated from a sample of documents:",
        *(f"  {name:<{width}} {pairs * share:>15,.0f}" for name, share in weights.items()),
        f"  validation of these {pairs * config.pairs.validation_fraction:,.0f}",
        *([_cost(generated, config, metrics)] if generated else []),
        f"output         {seen.run.uri} (nothing written)",
    ]
    return "\n".join(lines)


def _cost(generated: float, config: PairsJobConfig, metrics: Mapping[str, Any]) -> str:
    price = Price(config.pool.gpus, config.cost.per_gpu_hour)
    given = config.estimate.pairs_per_s
    speed = given or metrics.get(PAIRS_SPEED)
    origin = "the given" if given else "this run's own"
    if not speed:
        return f"  {price.unit} unknown; give --estimate.pairs_per_s to know"
    hours = price.hours(generated / speed)
    money = price.money(hours)
    kinds = " and ".join(name for name in GENERATED if name in config.pairs.weights)
    return (
        f"  {price.unit} {number(hours)}{'' if money is None else f', {dollars(money)}'}, for "
        f"{generated:,.0f} pairs of {kinds} at"
        f" {origin} {speed:,.1f} per second of one engine"
    )


def _speed(work: PairCounts) -> float | None:
    seconds = work.judge_seconds + work.wait_seconds
    return round(work.windows / seconds, 2) if work.windows and seconds else None


def _work(progress: RunProgress) -> PairCounts:
    return PairCounts() + progress.work


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
