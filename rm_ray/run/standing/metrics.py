"""Publishes a run in Ray's metrics, for Prometheus, tagged by the run's folder.

The names and meanings of the metrics do not change. Counters begin at 0 with each invocation, as
Prometheus expects.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rm_ray.cluster.machines import is_connected
from rm_ray.run.counts import RunProgress
from rm_ray.run.standing.status import Standing

if TYPE_CHECKING:
    from ray.util import metrics


class Metric(NamedTuple):
    """A Metric is one value that a run publishes."""

    name: str
    """Name of the metric."""
    description: str
    """Description, shown by Prometheus."""
    counter: bool = False
    """The value only grows."""
    by: str | None = None
    """Name of a second tag, in addition to `run`."""


DOCUMENTS = Metric("rm_ray_documents", "Documents processed.", counter=True)
FAULTS = Metric("rm_ray_faults", "Faults, by kind.", counter=True, by="reason")
FAILED = Metric(
    "rm_ray_failed_documents",
    "Documents given up because they failed alone in two engine processes, by kind of fault.",
    counter=True,
    by="reason",
)
STORE_AWAY = Metric(
    "rm_ray_store_away", "Requests to stores that have failed and are tried again now."
)
ENGINES = Metric("rm_ray_engines", "Engines that are ready.")
SHARDS_DONE = Metric("rm_ray_shards_done", "Shards of the run that are committed.")
SHARDS_LEFT = Metric("rm_ray_shards_left", "Shards of the run that are not committed.")
SECONDS_LEFT = Metric("rm_ray_seconds_left", "Estimated time to the end of the run, seconds.")
HOURS = Metric(
    "rm_ray_gpu_hours",
    "GPU hours of all invocations so far (engine hours if engines run on CPU).",
)
COST = Metric(
    "rm_ray_cost_dollars", "Cost of these hours, all at this invocation's cost.per_gpu_hour."
)


def run_values(
    now: RunProgress, here: Standing, *, has_engines: bool
) -> dict[Metric, float | Mapping[str, float]]:
    """Return the values of the metrics that every job has. Unknown values are left out, and the
    number of engines where the job needs none.
    """
    known: dict[Metric, float | Mapping[str, float] | None] = {
        DOCUMENTS: now.work.documents,
        FAULTS: now.fault_kinds,
        FAILED: here.failed,
        STORE_AWAY: len(now.retries),
        ENGINES: here.engines if has_engines else None,
        SHARDS_DONE: here.shards - here.shards_left,
        SHARDS_LEFT: here.shards_left,
        SECONDS_LEFT: here.seconds_left,
        HOURS: here.hours,
        COST: here.price.money(here.hours),
    }
    return {metric: value for metric, value in known.items() if value is not None}


class Published:
    """Published holds the metrics of one run in this process."""

    def __init__(self, run: str) -> None:
        """Begin with no metric.

        Args:
            run: address of the run's folder.
        """
        self._run = run
        self._made: dict[str, metrics.Counter | metrics.Gauge] = {}
        self._told: dict[tuple[str, str], float] = {}

    def publish(self, values: Mapping[Metric, float | Mapping[str, float]]) -> None:
        """Set the metrics to these values. Without Ray nothing is published.

        Args:
            values: the value of each metric. A metric with a second tag has a value per tag.
        """
        if not is_connected():
            return
        for metric, value in values.items():
            by_tag = value if isinstance(value, Mapping) else {"": value}
            for tag, number in by_tag.items():
                self._set(metric, tag, float(number))

    def _set(self, metric: Metric, tag: str, value: float) -> None:
        if metric.name not in self._made:
            self._made[metric.name] = _made(metric)
        from ray.util import metrics

        series = self._made[metric.name]
        tags = {"run": self._run} | ({metric.by: tag} if metric.by else {})
        if isinstance(series, metrics.Gauge):
            series.set(value, tags)
            return
        before = self._told.get((metric.name, tag), 0.0)
        self._told[metric.name, tag] = value
        if value > before:
            series.inc(value - before, tags)


def _made(metric: Metric) -> "metrics.Counter | metrics.Gauge":
    from ray.util import metrics

    kind = metrics.Counter if metric.counter else metrics.Gauge
    tags = ("run", metric.by) if metric.by else ("run",)
    return kind(metric.name, description=metric.description, tag_keys=tags)
