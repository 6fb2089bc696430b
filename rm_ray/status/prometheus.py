"""Writes the status of runs as metrics, in the text format that Prometheus reads.

They tell what a driver that is not there cannot tell: that nobody is at work, or that a night has
not come. `jobs/status.py NIGHTS --format prometheus > rm_ray.prom`, run by cron in a folder of
node_exporter's textfile collector, has them scraped.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from rm_ray.nightly.config import NIGHTS
from rm_ray.report.measure.dates import date_of
from rm_ray.status.look import Status
from rm_ray.status.table import Seen

# Metrics of each run, by name: what each one counts.
RUN = {
    "rm_ray_run_live": "1 if a driver is at work.",
    "rm_ray_run_complete": "1 if everything is done.",
    "rm_ray_run_shards": "Shards of the run's plan.",
    "rm_ray_run_shards_left": "Shards that are not committed.",
    "rm_ray_run_gpu_hours": "GPU hours so far (engine hours if engines run on CPU).",
    "rm_ray_run_cost_dollars": "Cost of these hours.",
}
# When the runs were looked at: a file that is no longer written would say the same for ever.
LOOKED_AT = "rm_ray_status_seconds"
# Metrics of each nightly job, by name.
NIGHTLY = {
    "rm_ray_nights": "Nights that have begun.",
    "rm_ray_nights_unfinished": "Nights without a verdict.",
    "rm_ray_nights_held": "Nights, of the last ones, whose documents are held.",
    "rm_ray_night_failed": "1 if the verdict of the last finished night fails it.",
    "rm_ray_night_last_seconds": "Date of the last finished night, as seconds since 1970, at 0:00 "
    "UTC; only of nights whose names begin with it, as 2026-11-24 or 20261124.",
}


def as_metrics(seen: Sequence[Seen]) -> str:
    """Return the metrics of the runs that there are, each with the tags `run` and `kind`."""
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(name, text, ["run", "kind"], registry=registry)
        for name, text in {**RUN, **NIGHTLY}.items()
    }
    looked_at = Gauge(LOOKED_AT, "Time of this look, seconds since 1970.", registry=registry)
    looked_at.set_to_current_time()
    for status in (one.status for one in seen):
        if status is None:
            continue
        kind = NIGHTS if status.nights else status.kind
        for name, value in (_run(status) | _nightly(status)).items():
            gauges[name].labels(status.job, kind).set(value)
    return generate_latest(registry).decode()


def _run(status: Status) -> dict[str, float]:
    values: dict[str, float] = {
        "rm_ray_run_live": status.state == "live",
        "rm_ray_run_complete": status.state == "complete",
        "rm_ray_run_shards": status.shards,
        "rm_ray_run_shards_left": status.left,
    }
    if status.last:
        values["rm_ray_run_gpu_hours"] = status.last.hours
        money = status.last.price.money(status.last.hours)
        if money is not None:
            values["rm_ray_run_cost_dollars"] = money
    return values


def _nightly(status: Status) -> dict[str, float]:
    if status.nights is None:
        return {}
    values: dict[str, float] = {
        "rm_ray_nights": status.nights_in_all or 0,
        "rm_ray_nights_unfinished": len(status.unfinished),
        "rm_ray_nights_held": sum(
            (night.delivery or "").endswith("held") for night in status.nights
        ),
    }
    done = [night for night in status.nights if night.state == "done"]
    if done:
        values["rm_ray_night_failed"] = done[-1].verdict == "fail"
        date = date_of(done[-1].night)
        if date is not None:
            values["rm_ray_night_last_seconds"] = datetime.combine(date, time(), UTC).timestamp()
    return values
