"""A run pauses while a store is away: TellTally tells the tally so, others wait until it is over.

What a pause is, and when it ends, is decided in outage.py.
"""

import time
from dataclasses import dataclass

from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.store.retry import Retry

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TellTally:
    """Tells the tally of an operation's retries. One that pauses nothing waits out the pause."""

    tally: TallyHandle
    pauses: bool

    def __call__(self, retry: Retry) -> bool:
        """See store.retry.Tell."""
        return self.tally.call(Tally.retrying, retry, self.pauses) and not self.pauses


def wait_while_paused(tally: TallyHandle) -> None:
    """Return once something may begin, or the run is stopping."""
    while tally.call(Tally.paused):
        time.sleep(POLL_SECONDS)
