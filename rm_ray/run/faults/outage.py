"""A store that is away: the run knows what is being tried again, and begins nothing meanwhile.

What is under way goes on. Whatever waits for its write would be joined by more of it; and who holds
the lease is only known once it has been read again.
"""

import time

from rm_ray.store.retry import Retry


class Outage:
    """What is tried again, as far as it was told; of a run, in its tally.

    `paused`: a write of judged rows or of the lease failed, and the lease was not renewed since
    all such writes work again.
    """

    def __init__(self) -> None:
        self.paused = False
        self._retries: dict[str, tuple[Retry, bool, float]] = {}

    def told(self, retry: Retry, *, pauses: bool) -> None:
        """An operation failed, works again, or was given up. `pauses`: nothing begins meanwhile."""
        if not retry.next_s:
            self._retries.pop(retry.request, None)
            return
        # a process that tells no more has ended
        self._retries[retry.request] = retry, pauses, time.monotonic() + retry.next_s
        self.paused = self.paused or pauses

    def renewed(self) -> None:
        """The lease was read, is this run's, and was written anew."""
        if not any(pauses for _, pauses in self._living()):
            self.paused = False

    def retries(self) -> tuple[Retry, ...]:
        """What is being tried again, the longest first."""
        return tuple(sorted((retry for retry, _ in self._living()), key=lambda r: r.since))

    def _living(self) -> list[tuple[Retry, bool]]:
        now = time.monotonic()
        return [(retry, pauses) for retry, pauses, end in self._retries.values() if now < end]
