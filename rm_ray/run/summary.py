"""What a job says of its run: in lines of progress, in metrics, and in closing lines."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.standing.metrics import Measure

Planning = TypeVar("Planning", contravariant=True)


class RunSummary(Generic[Planning]):
    """What any job can say. `starting`: what is waited for while nothing is done yet."""

    starting: str = "starting"

    def measures(self, progress: RunProgress) -> dict[Measure, float]:
        """What the job adds to the run's metrics."""
        del progress
        return {}

    def speed(self, progress: RunProgress) -> str:
        """How fast the run is, for the lines of progress; `judging_seconds` is more than 0."""
        return f"{progress.work.documents / progress.judging_seconds:,.0f} documents/s"

    def metrics(
        self,
        totals: RunCounts,
        progress: RunProgress,
        before: Mapping[str, Any] | None,
        planning: Planning,
    ) -> dict[str, Any]:
        """What the job adds to metrics.json, and to its sections `totals` and `this_invocation`.

        Args:
            totals: over all parts of the run.
            progress: of this invocation.
            before: the metrics that the last invocation left.
            planning: of this invocation.
        """
        del totals, progress, before, planning
        return {}

    def closing(self, totals: RunCounts, progress: RunProgress, planning: Planning) -> list[str]:
        """Lines to log of a run that has ended."""
        del progress, planning
        return [f"{totals.documents:,} documents, {totals.rows:,} rows"]
