"""Ends this process when it has been silent for too long, even inside native code.

A thread of Python's cannot do this: a kernel that hangs may hold the interpreter lock for ever.
`faulthandler` waits in a thread of its own that needs no lock.
"""

import contextlib
import faulthandler
import fcntl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

# What files are called, in this machine's folder for temporary ones, that say where it hung.
PREFIX = "rm_ray-hung-"


class Watchdog:
    """While entered, `alive()` must be called every `seconds`, or the process ends (status 1).

    Where it hung stays in a file rm_ray-hung-`name`-* of this machine's folder for temporary ones.
    A process that ends in another way leaves that file empty, and the next watchdog removes it. One
    watchdog at a time in a process; `name` is the process's own, and has no hyphen.
    """

    def __init__(self, seconds: float, name: str) -> None:
        self._seconds = seconds
        self._name = name
        self._armed = 0.0

    def __enter__(self) -> Self:
        _remove_unused()
        self._file = tempfile.NamedTemporaryFile("w", prefix=f"{PREFIX}{self._name}-", delete=False)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # for as long as this process lives
        self._arm()
        return self

    def __exit__(self, *raised: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)

    def alive(self) -> None:
        """There is progress. Cheap: arming anew starts a thread, so it is not done every time."""
        if time.monotonic() - self._armed > self._seconds / 10:
            self._arm()

    def _arm(self) -> None:
        self._armed = time.monotonic()
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._file)


def hung_processes() -> list[str]:
    """The names of all processes that a watchdog has ended on this machine."""
    hung = (path.name for path in _files() if _has_traceback(path))
    return [name.removeprefix(PREFIX).partition("-")[0] for name in hung]


def _files() -> Iterator[Path]:
    return Path(tempfile.gettempdir()).glob(f"{PREFIX}*")


def _has_traceback(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # another process has removed it
        return False


def _remove_unused() -> None:
    """Remove what processes left that ended while they were watched and did not hang."""
    for path in _files():
        # a file that is locked has a process; one of another user's is left alone
        with contextlib.suppress(OSError), path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _has_traceback(path):
                path.unlink()
