"""Pauses a run while its store does not answer: work under way goes on, and nothing new begins.

New rows could not be written, and until the lease was read nobody knows which driver holds it.
"""

import time

from rm_ray.store.retry import Retry


class Outage:
    """Outage keeps the store operations of a run that are being retried, for the tally.

    `paused` is True from the moment when a write of judged rows or of the lease fails. It becomes
    False when all these writes work again and the lease has been renewed after that.
    """

    def __init__(self) -> None:
        self.paused = False
        self._retries: dict[str, tuple[Retry, bool, float]] = {}

    def told(self, retry: Retry, *, pauses: bool) -> None:
        """Note that an operation failed and is retried, works again, or was given up.

        Args:
            retry: the operation.
            pauses: nothing new may begin before the operation works.
        """
        if not retry.next_s:
            self._retries.pop(retry.request, None)
            return
        # a process that reports nothing until then has ended
        self._retries[retry.request] = retry, pauses, time.monotonic() + retry.next_s
        self.paused = self.paused or pauses

    def renewed(self) -> None:
        """Note that the lease was read, is still this run's, and was written again."""
        if not any(pauses for _, pauses in self._living()):
            self.paused = False

    def retries(self) -> tuple[Retry, ...]:
        """Return the operations that are being retried, the longest-running first."""
        return tuple(sorted((retry for retry, _ in self._living()), key=lambda r: r.since))

    def _living(self) -> list[tuple[Retry, bool]]:
        now = time.monotonic()
        return [(retry, pauses) for retry, pauses, end in self._retries.values() if now < end]
