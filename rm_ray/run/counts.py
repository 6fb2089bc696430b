"""The counts that every job has, and the progress of a run."""

from collections import Counter
from dataclasses import dataclass, field, replace

from rm_ray.counts.summable import Summable, spent
from rm_ray.store.retry import Retry


@dataclass
class RunCounts(Summable):
    """RunCounts are the counts of one part or of many. A job adds fields of its own."""

    documents: int = 0
    """Rows of the corpus that were processed."""
    rows: int = 0
    """Rows written."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Documents by status. The run itself uses one status: `failed`."""
    parts: int = spent(0)
    """Parts committed."""
    commit_seconds: float = spent(0.0)
    """Seconds that committing the parts took."""


@dataclass(frozen=True)
class RunProgress:
    """RunProgress tells how far this invocation of the run is."""

    rounds: int = 0
    """Rounds that have ended."""
    engines: int = 0
    """Engine starts that succeeded."""
    alive: int = 0
    """Engines that are ready now."""
    start_seconds: float = 0.0
    """Seconds that the slowest engine start took."""
    work: RunCounts = field(default_factory=RunCounts)
    """Counts of the work done."""
    judging_seconds: float = 0.0
    """Seconds from the first ready engine to the last work so far. Without engines: from the
    first task."""
    engine_seconds: float = 0.0
    """Seconds for which machines were held by an engine or its start, summed over engines."""
    ready_seconds: float = 0.0
    """The seconds of `engine_seconds` in which the engine was ready."""
    faults: int = 0
    """Faults so far."""
    fault_kinds: dict[str, int] = field(default_factory=dict)
    """Faults by kind (see in_a_row.FaultKind)."""
    first_fault: str | None = None
    """Reason of the first fault; None if there was none."""
    last_fault: str | None = None
    """Reason of the last fault; None if there was none."""
    stopped: str | None = None
    """Reason why the run is stopping before its end; None while it is not."""
    bad_files: dict[str, str] = field(default_factory=dict)
    """Reason why an input file is not readable, by path."""
    retries: tuple[Retry, ...] = ()
    """Store operations that are being retried, the longest-running first."""
    tail_seconds: float = 0.0
    """Seconds from the end of the first engine's last shard to the end of the last engine's last
    shard, over all rounds. In this time not all engines had work."""

    def began_anew(self, before: "RunProgress") -> bool:
        """Return True if the tally that reported `before` was lost, with its counts."""
        return any(
            now < then
            for now, then in (
                (self.engine_seconds, before.engine_seconds),
                (self.work.parts, before.work.parts),
                (self.work.documents, before.work.documents),
                (self.faults, before.faults),
            )
        )

    def after(self, lost: "RunProgress") -> "RunProgress":
        """Add the counts of a tally that was lost to these counts of its successor."""
        return replace(
            self,
            rounds=lost.rounds + self.rounds,
            engines=max(lost.engines, self.engines),
            start_seconds=max(lost.start_seconds, self.start_seconds),
            work=lost.work + self.work,
            judging_seconds=lost.judging_seconds + self.judging_seconds,
            engine_seconds=lost.engine_seconds + self.engine_seconds,
            ready_seconds=lost.ready_seconds + self.ready_seconds,
            tail_seconds=lost.tail_seconds + self.tail_seconds,
            faults=lost.faults + self.faults,
            fault_kinds=dict(Counter(lost.fault_kinds) + Counter(self.fault_kinds)),
            first_fault=lost.first_fault or self.first_fault,
            last_fault=self.last_fault or lost.last_fault,
            bad_files=lost.bad_files | self.bad_files,
        )
