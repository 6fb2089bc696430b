"""The job's own part of a run's reports: in progress lines, in metrics, in closing lines."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.standing.metrics import Metric

Planning = TypeVar("Planning", contravariant=True)


class RunSummary(Generic[Planning]):
    """A RunSummary writes the job's part of a run's reports. This one fits every job."""

    starting: str = "starting"
    """Text of the progress lines while nothing is done yet: it says what the run waits for."""

    def measures(self, progress: RunProgress) -> dict[Metric, float]:
        """Return the job's own metrics of Ray."""
        del progress
        return {}

    def speed(self, progress: RunProgress) -> str:
        """Return the speed of the run, in words, for progress lines.

        Args:
            progress: its `judging_seconds` is more than 0.
        """
        return f"{progress.work.documents / progress.judging_seconds:,.0f} documents/s"

    def metrics(
        self,
        totals: RunCounts,
        progress: RunProgress,
        before: Mapping[str, Any] | None,
        planning: Planning,
    ) -> dict[str, Any]:
        """Return the job's own part of metrics.json.

        Its sections `totals` and `this_invocation` are merged with the run's own.

        Args:
            totals: counts of all parts of the run.
            progress: progress of this invocation.
            before: metrics.json of the last invocation.
            planning: planning of this invocation.
        """
        del totals, progress, before, planning
        return {}

    def closing(self, totals: RunCounts, progress: RunProgress, planning: Planning) -> list[str]:
        """Return the lines to log when the run has ended."""
        del progress, planning
        return [f"{totals.documents:,} documents, {totals.rows:,} rows"]
