"""How the rewards were made, and their cost."""

from rm_ray.report.config import ReportConfig
from rm_ray.report.figures import RunFacts
from rm_ray.report.measure.measured import Measured
from rm_ray.run.output.folder import SPEED
from rm_ray.run.standing.price import Price
from rm_ray.scored.run import ScoredRun


def run_facts(run: ScoredRun, measured: Measured, config: ReportConfig) -> RunFacts:
    """Return the facts of a run.

    Args:
        run: the run.
        measured: its counts.
        config: the configuration of the report.
    """
    run_config, counted = run.stored["config"], measured.counted
    judge, gpus = run_config["judge"], run_config["pool"]["gpus"]
    forwarded = counted.get("forwarded_tokens", 0)
    speed = run.metrics.get(SPEED)
    hours = forwarded / speed / 3600 if speed and forwarded else None
    # the price that scoring was given, unless the report was given another
    price_given = config.cost.per_gpu_hour
    price = Price(
        gpus, run_config.get("cost", {}).get("per_gpu_hour") if price_given is None else price_given
    )
    return RunFacts(
        path=run.uri,
        segments=run.segments,
        model=judge["model"],
        family=judge["family"],
        fingerprint=run.fingerprint,
        files=len(run.files),
        parts=len(run.shards),
        complete=run.totals is not None,
        stopped_early=run.stopped_early,
        missing_parts=run.missing,
        windows=counted.get("windows", 0),
        forwarded_tokens=forwarded,
        minimum_tokens=counted.get("minimum_tokens", 0),
        tokens_per_second=speed,
        engine_hours=hours,
        gpus=gpus,
        cost=None if hours is None else price.money(price.hours(hours * 3600)),
        versions=run.stored["versions"],
    )
