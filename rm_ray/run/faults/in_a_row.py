"""What goes wrong in a run, and when it is too much: pure counting, for the tally."""

from collections import Counter
from typing import Literal

# What a fault is of, as metrics name it. Of an engine: it did not start; it raised; its process
# ended; it gave no answer; its answer was no number. Of the rest: a machine was lost; the corpus,
# or the store, did not give or take rows.
FaultKind = Literal[
    "start", "raised", "ended", "silent", "no_number", "machine", "input", "store", "other"
]

# So many documents that fail alone, with nothing done in between, are not at fault: the run stops.
ALONE_IN_A_ROW = 20


class Faults:
    """Faults are counted in a row until something is done, since one by one each may pass.

    `most`: in a row, before the run stops. `halted`: why it does; None while it does not.
    """

    def __init__(self, most: int) -> None:
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
        """Why nothing new should begin: the run is stopping, or this round is over."""
        return self.halted or self._round_is_over

    def gets_on(self) -> None:
        """Something was done."""
        self._in_a_row = self._units_in_a_row = self._alone_in_a_row = 0

    @property
    def count(self) -> int:
        """How many there were."""
        return self.kinds.total()

    def note(self, reason: str, kind: FaultKind) -> None:
        """Something went wrong that is no fault in a row."""
        self.kinds[kind] += 1
        self.first = self.first or reason
        self.last = reason

    def fault(self, reason: str, kind: FaultKind = "other") -> None:
        """Something went wrong; too often in a row, and the run stops."""
        self.note(reason, kind)
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            self.halt(f"{self._in_a_row} faults in a row with nothing done; the last: {reason}")

    def unit_failed(self) -> None:
        """A shard or piece failed, which the next round looks into; too many, and this one ends."""
        self._units_in_a_row += 1
        if self._units_in_a_row >= self._most:
            self._round_is_over = f"{self._units_in_a_row} shards or pieces failed in a row"

    def failed_alone(self, reason: str) -> None:
        """A document failed alone for the first time."""
        self._alone_in_a_row += 1
        if self._alone_in_a_row >= ALONE_IN_A_ROW:
            self.halt(
                f"{self._alone_in_a_row} documents judged alone failed in a row, so it is not the "
                f"documents: none of these was marked; the last: {reason}"
            )

    def halt(self, reason: str) -> None:
        """Stop the run; the first reason stands."""
        self.halted = self.halted or reason

    def end_round(self) -> None:
        """The next round begins."""
        self._round_is_over = None
        self._units_in_a_row = 0
