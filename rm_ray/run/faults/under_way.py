"""Keeps track of the shards and pieces of a round: which are under way, and how others failed.

Pure bookkeeping, for the tally.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.run.faults.in_a_row import FaultKind, Faults
from rm_ray.run.faults.suspicion import Failure, Rows

# Times that a shard or piece may be begun in a round, if each process that begins it ends.
BEGINS = 5


@dataclass
class AtWork:
    """AtWork is a shard or piece that an actor has begun."""

    span: Shard
    """The shard or piece."""
    node: str
    """Node id of the actor's machine."""
    process: str
    """Name of the actor's process."""
    succeeded: int = 0
    """Documents with a good answer so far."""
    in_engine: dict[int, int] = field(default_factory=dict)
    """Spans of rows in the engine: the stop of each span, by its start."""


class UnderWay:
    """UnderWay keeps track of the shards and pieces that processes have begun in this round.

    `at_work` holds the shards and pieces that are under way now, by part.
    """

    def __init__(self, faults: Faults) -> None:
        """Begin with nothing under way.

        Args:
            faults: counts each failure.
        """
        self._faults = faults
        self.at_work: dict[str, AtWork] = {}
        self._begun: Counter[str] = Counter()
        self._not_again: set[str] = set()
        self._failures: list[Failure] = []

    def may_begin(self, span: Shard) -> bool:
        """Return True if new work may begin, and this shard or piece has not failed this round."""
        return self._faults.ending is None and span.part not in self._not_again

    def begin(self, span: Shard, node: str, process: str) -> bool:
        """Note that a process begins a shard or piece; return False if too many have before."""
        too_often = (
            f"{span}: {BEGINS} processes finished judging it and then ended before its rows were "
            "passed on"
        )
        may = self.may_try(span.part, too_often)
        if may:
            self.at_work[span.part] = AtWork(span, node, process)
        return may

    def may_try(self, what: str, too_often: str) -> bool:
        """Count a try of an action; return False if it was tried too often.

        Args:
            what: names the action.
            too_often: the fault to count, once, if it was tried too often.
        """
        self._begun[what] += 1
        if self._begun[what] == BEGINS + 1:
            self._not_again.add(what)
            self._faults.fault(too_often, "ended")
        return self._begun[what] <= BEGINS

    def tried(self, what: str) -> None:
        """Note that an action is over and its process still lives."""
        self._begun.pop(what, None)

    def done(self, part: str, failed: Mapping[int, str]) -> None:
        """Note that a shard or piece is done, except for its failed rows.

        Args:
            part: the shard or piece.
            failed: why a row failed, by row number.
        """
        at_work = self.at_work.pop(part, None)
        if at_work is None:
            return
        for row, reason in failed.items():
            self._fails(at_work, reason, ((row, row + 1),), ended=False, kind="no_number")
        if failed and not at_work.succeeded:
            self._none_done(at_work.span)

    def ended(self, part: str, reason: str, kind: FaultKind) -> None:
        """Note that the process at a shard or piece ended. Nothing happens if none was at it."""
        at_work = self.at_work.pop(part, None)
        if at_work is None:
            return
        if _is_alone(at_work.span) and not at_work.in_engine:
            self.note_bad_engine(part, reason)  # the document had not been sent to the engine yet
            return
        self._not_again.add(part)
        rows = tuple(sorted(at_work.in_engine.items()))
        self._fails(at_work, reason, rows, ended=True, kind=kind)
        self._none_done(at_work.span)

    def lost(self, part: str) -> None:
        """Note that the machine at a shard or piece was lost. The span may begin again."""
        if at_work := self.at_work.pop(part, None):
            self._faults.fault(f"{at_work.span}: its machine was lost", "machine")

    def note_bad_engine(self, part: str, reason: str) -> None:
        """Note that the engine failed a document that is known to work.

        So the engine is at fault, and nothing is learned about the rows it was at.
        """
        self.at_work.pop(part, None)
        self._not_again.add(part)
        self._faults.fault(
            f"an engine cannot judge a document that is known to be harmless: {reason}", "raised"
        )

    def end_round(self) -> list[Failure]:
        """End the round, and return its failures."""
        failures, self._failures = self._failures, []
        for of_round in (self.at_work, self._begun, self._not_again):
            of_round.clear()
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
        span, node = at_work.span, at_work.node
        failure = Failure(unit=span, node=node, reason=reason, rows=rows, ended=ended, kind=kind)
        self._failures.append(failure)
        self._faults.note(f"{span}: {reason}", kind)
        if isinstance(span, Piece) and span.alone and not span.failed_on:
            self._faults.failed_alone(reason)

    def _none_done(self, span: Shard) -> None:
        if not _is_alone(span):
            self._faults.unit_failed()


def _is_alone(span: Shard) -> bool:
    return isinstance(span, Piece) and span.alone
