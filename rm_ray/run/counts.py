"""What a run counts of any job, and where it stands."""

from collections import Counter
from dataclasses import dataclass, field, replace

from rm_ray.counts.summable import Summable, spent
from rm_ray.store.retry import Retry


@dataclass
class RunCounts(Summable):
    """Of a part, or of many; a job adds fields of its own.

    `documents`: rows of the corpus, with what became of them by `statuses`, of which `failed` is
    the run's own word. `rows`: those written. `parts` that were committed, `commit_seconds`: what
    that took.
    """

    documents: int = 0
    rows: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    parts: int = spent(0)
    commit_seconds: float = spent(0.0)


@dataclass(frozen=True)
class RunProgress:
    """Where the run stands. `judging_seconds`: from the first ready engine, or the
    first task where there are none, to the last work so far.

    `engines`: those that have started, of which `alive` still live. `engine_seconds`: for how long
    their machines were held, over all engines, of which they were ready for `ready_seconds`.
    `bad_files`: input files that are not what their name says, with the reason.
    `stopped`: why the run is stopping before its end; None while it is not. `retries`: what is
    being tried again on the stores, the longest first.
    """

    rounds: int = 0
    engines: int = 0
    alive: int = 0
    start_seconds: float = 0.0
    work: RunCounts = field(default_factory=RunCounts)
    judging_seconds: float = 0.0
    engine_seconds: float = 0.0
    ready_seconds: float = 0.0
    faults: int = 0
    fault_kinds: dict[str, int] = field(default_factory=dict)
    first_fault: str | None = None
    last_fault: str | None = None
    stopped: str | None = None
    bad_files: dict[str, str] = field(default_factory=dict)
    retries: tuple[Retry, ...] = ()
    tail_seconds: float = 0.0
    """From the end of the first engine's last shard to the end of the last one's, over all rounds:
    for so long not all engines had work."""

    def began_anew(self, before: "RunProgress") -> bool:
        """Whether the tally that said `before` was lost, and with it what it had counted."""
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
        """With what a tally had counted that was lost."""
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
