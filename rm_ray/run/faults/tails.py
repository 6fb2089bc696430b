"""The tail of a round: how long some engines had no work while others still judged."""


class Tails:
    """When each engine's process ended its last shard.

    Of a process that ended nothing counts: its engine was not idle.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """The tails of the rounds that are over, in all."""
        self._last: dict[str, float] = {}

    def done(self, process: str, now: float) -> None:
        """A process has ended a shard, at `now` by one clock, s."""
        self._last[process] = now

    def ended(self, process: str) -> None:
        """A process has ended itself."""
        self._last.pop(process, None)

    def end_round(self) -> None:
        """Add the tail of this round: from the first engine's last shard to the last one's."""
        if self._last:
            self.seconds += max(self._last.values()) - min(self._last.values())
        self._last.clear()
