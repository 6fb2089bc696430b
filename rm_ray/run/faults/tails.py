"""The tail of a round: how long some engines had no work while others still judged."""


class Tails:
    """Tails keeps the time at which each engine's process finished its last shard.

    Processes that ended are left out: their engines were not idle.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """Seconds of the tails of all rounds that are over."""
        self._last: dict[str, float] = {}

    def done(self, process: str, now: float) -> None:
        """Note that a process has finished a shard.

        Args:
            process: name of the process.
            now: time in seconds, from the same clock in all calls.
        """
        self._last[process] = now

    def ended(self, process: str) -> None:
        """Note that a process has ended."""
        self._last.pop(process, None)

    def end_round(self) -> None:
        """Add this round's tail: the seconds from the first engine's last shard to the last's."""
        if self._last:
            self.seconds += max(self._last.values()) - min(self._last.values())
        self._last.clear()
