"""Pauses a run while a store does not answer: TellTally reports retries, and other tasks wait.

outage.py decides when the run is paused and when the pause ends.
"""

import time
from dataclasses import dataclass

from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.store.retry import Retry

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TellTally:
    """A TellTally reports the retries of a store operation to the tally."""

    tally: TallyHandle
    """Handle of the run's tally."""
    pauses: bool
    """Nothing new may begin before the operation works. An operation that pauses nothing is
    retried for as long as the run is paused."""

    def __call__(self, retry: Retry) -> bool:
        """Report a retry; return True to retry although patience has ended (store.retry.Tell)."""
        return self.tally.call(Tally.retrying, retry, self.pauses) and not self.pauses


def wait_while_paused(tally: TallyHandle) -> None:
    """Wait until new work may begin or the run is stopping."""
    while tally.call(Tally.paused):
        time.sleep(POLL_SECONDS)
