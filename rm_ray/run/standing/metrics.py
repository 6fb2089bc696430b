"""A run in Ray's metrics, for Prometheus: names and meanings that stay, tagged by the run's folder.

Counters are of this invocation, as Prometheus wants them: they begin at 0 with the process.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rm_ray.cluster import is_connected
from rm_ray.run.counts import RunProgress
from rm_ray.run.standing.status import Standing

if TYPE_CHECKING:
    from ray.util import metrics


class Measure(NamedTuple):
    """One metric. `counter`: it only grows. `by`: a further tag, beside `run`."""

    name: str
    description: str
    counter: bool = False
    by: str | None = None


DOCUMENTS = Measure("rm_ray_documents", "Documents that have been through.", counter=True)
FAULTS = Measure("rm_ray_faults", "Things that went wrong, by what.", counter=True, by="reason")
FAILED = Measure(
    "rm_ray_failed_documents",
    "Documents given up: they failed alone in two engine processes, by how.",
    counter=True,
    by="reason",
)
ENGINES = Measure("rm_ray_engines", "Engines that live and are ready.")
SHARDS_DONE = Measure("rm_ray_shards_done", "Shards of the run that are committed.")
SHARDS_LEFT = Measure("rm_ray_shards_left", "Shards of the run that are not.")
SECONDS_LEFT = Measure("rm_ray_seconds_left", "Estimated time to the end of the run, seconds.")
HOURS = Measure(
    "rm_ray_gpu_hours",
    "GPU hours of all invocations so far (engine hours where engines run on CPU).",
)
COST = Measure(
    "rm_ray_cost_dollars", "What these hours cost, all at this invocation's cost.per_gpu_hour."
)
RUN_MEASURES = (
    DOCUMENTS,
    FAULTS,
    FAILED,
    ENGINES,
    SHARDS_DONE,
    SHARDS_LEFT,
    SECONDS_LEFT,
    HOURS,
    COST,
)


def run_values(now: RunProgress, here: Standing) -> dict[Measure, float | Mapping[str, float]]:
    """Of any job; those that are not known are left out."""
    known: dict[Measure, float | Mapping[str, float] | None] = {
        DOCUMENTS: now.work.documents,
        FAULTS: now.fault_kinds,
        FAILED: here.failed,
        ENGINES: here.engines,
        SHARDS_DONE: here.shards - here.shards_left,
        SHARDS_LEFT: here.shards_left,
        SECONDS_LEFT: here.seconds_left,
        HOURS: here.hours,
        COST: here.price.money(here.hours),
    }
    return {measure: value for measure, value in known.items() if value is not None}


class Published:
    """The metrics of one run, in this process. `run`: its folder."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._made: dict[str, metrics.Counter | metrics.Gauge] = {}
        self._told: dict[tuple[str, str], float] = {}

    def publish(self, values: Mapping[Measure, float | Mapping[str, float]]) -> None:
        """Set them to these values; of a measure by a tag, a value for each. Without Ray there is
        nobody who asks for them.
        """
        if not is_connected():
            return
        for measure, value in values.items():
            theirs = value if isinstance(value, Mapping) else {"": value}
            for tag, one in theirs.items():
                self._set(measure, tag, float(one))

    def _set(self, measure: Measure, tag: str, value: float) -> None:
        if measure.name not in self._made:
            self._made[measure.name] = _made(measure)
        from ray.util import metrics

        metric = self._made[measure.name]
        tags = {"run": self._run} | ({measure.by: tag} if measure.by else {})
        if isinstance(metric, metrics.Gauge):
            metric.set(value, tags)
            return
        before = self._told.get((measure.name, tag), 0.0)
        self._told[measure.name, tag] = value
        if value > before:
            metric.inc(value - before, tags)


def _made(measure: Measure) -> "metrics.Counter | metrics.Gauge":
    from ray.util import metrics

    kind = metrics.Counter if measure.counter else metrics.Gauge
    tags = ("run", measure.by) if measure.by else ("run",)
    return kind(measure.name, description=measure.description, tag_keys=tags)
