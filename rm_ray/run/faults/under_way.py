"""The shards and pieces of a round: which of them processes are at, and how the others failed.

Pure bookkeeping, for the tally.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.run.faults.in_a_row import FaultKind, Faults
from rm_ray.run.faults.suspicion import Failure, Rows

# Times that a unit may be begun in a round, by processes that end at it or after they have done it.
BEGINS = 5


@dataclass
class AtWork:
    """A shard or piece that an actor has begun.

    `process`: the name of the actor's process. `succeeded`: documents with a good answer so far.
    `in_engine`: the end of each span of rows in the engine, by its start.
    """

    unit: Shard
    node: str
    process: str
    succeeded: int = 0
    in_engine: dict[int, int] = field(default_factory=dict)


class UnderWay:
    """What processes have begun in this round.

    `faults`: is told of each failure. `at_work`: what is under way now, by its part.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.at_work: dict[str, AtWork] = {}
        self._begun: Counter[str] = Counter()
        self._not_again: set[str] = set()
        self._failures: list[Failure] = []

    def may_begin(self, unit: Shard) -> bool:
        """Whether something new may begin, and this has not failed in this round."""
        return self._faults.ending is None and unit.part not in self._not_again

    def begin(self, unit: Shard, node: str, process: str) -> bool:
        """A process begins a shard or piece, unless too many have."""
        too_often = f"{unit}: {BEGINS} processes ended after they had judged it"
        may = self.may_try(unit.part, too_often)
        if may:
            self.at_work[unit.part] = AtWork(unit, node, process)
        return may

    def may_try(self, what: str, too_often: str) -> bool:
        """Count that something is tried; whether it still may be. If not, `too_often` is a fault,
        once.
        """
        self._begun[what] += 1
        if self._begun[what] == BEGINS + 1:
            self._not_again.add(what)
            self._faults.fault(too_often, "ended")
        return self._begun[what] <= BEGINS

    def tried(self, what: str) -> None:
        """The process that tried it lives."""
        self._begun.pop(what, None)

    def done(self, part: str, failed: Mapping[int, str]) -> None:
        """A shard or piece has come to its end, but for the rows that `failed`, with reasons."""
        at_work = self.at_work.pop(part, None)
        if at_work is None:
            return
        for row, reason in failed.items():
            self._fails(at_work, reason, ((row, row + 1),), ended=False, kind="no_number")
        if failed and not at_work.succeeded:
            self._none_done(at_work.unit)

    def ended(self, part: str, reason: str, kind: FaultKind) -> None:
        """The process ended that was at a shard or piece, if one was."""
        at_work = self.at_work.pop(part, None)
        if at_work is None:
            return
        if _is_alone(at_work.unit) and not at_work.in_engine:
            self.unfit(part, reason)  # it had not been asked about yet
            return
        self._not_again.add(part)
        rows = tuple(sorted(at_work.in_engine.items()))
        self._fails(at_work, reason, rows, ended=True, kind=kind)
        self._none_done(at_work.unit)

    def lost(self, part: str) -> None:
        """The machine was lost that was at a shard or piece: it may be begun again."""
        if at_work := self.at_work.pop(part, None):
            self._faults.fault(f"{at_work.unit}: its machine was lost", "machine")

    def unfit(self, part: str, reason: str) -> None:
        """The engine failed what none should: nothing is known of this document."""
        self.at_work.pop(part, None)
        self._not_again.add(part)
        self._faults.fault(f"an engine fails a harmless document: {reason}", "raised")

    def end_round(self) -> list[Failure]:
        """What failed in this round, which is over."""
        failures, self._failures = self._failures, []
        for kept in (self.at_work, self._begun, self._not_again):
            kept.clear()
        return failures

    def _fails(
        self,
        at_work: AtWork,
        reason: str,
        rows: tuple[Rows, ...],
        *,
        ended: bool,
        kind: FaultKind,
    ) -> None:
        unit, node = at_work.unit, at_work.node
        failure = Failure(unit=unit, node=node, reason=reason, rows=rows, ended=ended, kind=kind)
        self._failures.append(failure)
        self._faults.note(f"{unit}: {reason}", kind)
        if isinstance(unit, Piece) and unit.alone and not unit.failed_on:
            self._faults.failed_alone(reason)

    def _none_done(self, unit: Shard) -> None:
        if not _is_alone(unit):
            self._faults.unit_failed()


def _is_alone(unit: Shard) -> bool:
    return isinstance(unit, Piece) and unit.alone
