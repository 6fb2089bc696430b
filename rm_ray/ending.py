"""Tells of the job's end, whichever way the process ends."""

from collections.abc import Callable

_told: list[Callable[[int], None]] = []


def tell_at_end(tell: Callable[[int], None]) -> None:
    """Have a function called once with the exit status, in place of the one before."""
    _told[:] = [tell]


def tell_end(status: int) -> None:
    """Call the function with the exit status, unless it was called already."""
    while _told:
        _told.pop()(status)
