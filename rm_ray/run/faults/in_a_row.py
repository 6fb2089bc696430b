"""Counts the faults of a run, and says when there are too many: pure counting, for the tally."""

from collections import Counter
from typing import Literal

# Kinds of faults, as metrics name them. Of an engine: "start" (it did not start), "raised" (it
# raised an error), "ended" (its process ended), "silent" (it gave no answer), "no_number" (its
# answer was not a number). Others: "machine" (a machine was lost), "input" (the corpus could not be
# read), "store" (the store could not be read or written).
FaultKind = Literal[
    "start", "raised", "ended", "silent", "no_number", "machine", "input", "store", "other"
]

# If so many documents fail alone and nothing succeeds in between, the documents are not at fault:
# the run stops.
ALONE_IN_A_ROW = 20


class Faults:
    """Counts faults since the last success; one success sets the count to 0.

    `halted` is the reason why the run stops; None while it does not.
    """

    def __init__(self, most: int) -> None:
        """Begin with no fault.

        Args:
            most: faults in a row at which the run stops.
        """
        self._most = most
        self._in_a_row = 0
        self._units_in_a_row = 0
        self._alone_in_a_row = 0
        self._round_is_over: str | None = None
        self.kinds: Counter[str] = Counter()
        self.first: str | None = None
        self.last: str | None = None
        self.halted: str | None = None

    @property
    def ending(self) -> str | None:
        """Return why nothing new may begin: the run is stopping, or the round is over."""
        return self.halted or self._round_is_over

    def end_streak(self) -> None:
        """Note a success: all counts in a row begin again."""
        self._in_a_row = self._units_in_a_row = self._alone_in_a_row = 0

    @property
    def count(self) -> int:
        """Return the number of faults so far."""
        return self.kinds.total()

    def note(self, reason: str, kind: FaultKind) -> None:
        """Count a fault that does not count in a row."""
        self.kinds[kind] += 1
        self.first = self.first or reason
        self.last = reason

    def fault(self, reason: str, kind: FaultKind = "other") -> None:
        """Count a fault. Too many in a row stop the run."""
        self.note(reason, kind)
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            self.halt(f"{self._in_a_row} faults in a row with nothing done; the last: {reason}")

    def unit_failed(self) -> None:
        """Note that a shard or piece failed. Too many in a row end this round.

        The next round looks for the rows that fail.
        """
        self._units_in_a_row += 1
        if self._units_in_a_row >= self._most:
            self._round_is_over = f"{self._units_in_a_row} shards or pieces failed in a row"

    def failed_alone(self, reason: str) -> None:
        """Note that a document failed alone for the first time. Too many in a row stop the run."""
        self._alone_in_a_row += 1
        if self._alone_in_a_row >= ALONE_IN_A_ROW:
            self.halt(
                f"{self._alone_in_a_row} documents in a row failed although each was judged alone, "
                "so the engine or the machine is at fault, and none of these documents was marked "
                f"failed; the last: {reason}"
            )

    def halt(self, reason: str) -> None:
        """Stop the run. Only the first reason is kept."""
        self.halted = self.halted or reason

    def end_round(self) -> None:
        """End the round, so that the next one can begin."""
        self._round_is_over = None
        self._units_in_a_row = 0
