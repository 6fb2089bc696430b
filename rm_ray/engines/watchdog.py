"""Ends this process when it has been silent for too long, even inside native code.

A thread of Python's cannot do this: a kernel that hangs may hold the interpreter lock for ever.
`faulthandler` waits in a thread of its own that needs no lock.
"""

import contextlib
import faulthandler
import fcntl
import tempfile
import time
from pathlib import Path
from typing import Self

# What files are called, in this machine's folder for temporary ones, that say where it hung.
PREFIX = "rm_ray-hung-"


class Watchdog:
    """While entered, `alive()` must be called every `seconds`, or the process ends (status 1).

    Where it hung stays in a file rm_ray-hung-* of this machine's folder for temporary ones. A
    process that ends in another way leaves that file empty, and the next watchdog removes it. One
    watchdog at a time in a process.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = 0.0

    def __enter__(self) -> Self:
        _remove_unused()
        self._file = tempfile.NamedTemporaryFile("w", prefix=PREFIX, delete=False)
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


def _remove_unused() -> None:
    """Remove what processes left that ended while they were watched and did not hang."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # a file that is locked has a process; one of another user's is left alone
        with contextlib.suppress(OSError), path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.stat().st_size:
                path.unlink()
