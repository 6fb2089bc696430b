"""Ends this process when it has been silent for too long, even inside native code.

A Python thread cannot do this: native code that hangs may hold the interpreter lock for ever.
`faulthandler` waits in a thread of its own that does not need the lock.
"""

import contextlib
import faulthandler
import fcntl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

# Names of traceback files in the temporary folder begin so. A file says where its process hung.
PREFIX = "rm_ray-hung-"


class Watchdog:
    """Ends the process (status 1) unless `alive()` is called every `seconds` while entered.

    The process's traceback stays in a file rm_ray-hung-`name`-* in the temporary folder. A process
    that ends in another way leaves this file empty, and the next watchdog removes the file. A
    process has one watchdog at a time.
    """

    def __init__(self, seconds: float, name: str) -> None:
        """Prepare a watchdog.

        Args:
            seconds: the longest silence.
            name: the process's name, without a hyphen.
        """
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
        """Report progress. This is cheap: it starts a new timer thread only now and then."""
        if time.monotonic() - self._armed > self._seconds / 10:
            self._arm()

    def _arm(self) -> None:
        self._armed = time.monotonic()
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._file)


def hung_processes() -> list[str]:
    """Return the names of all processes that a watchdog has ended on this machine."""
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
    """Remove empty files of processes that ended while they were watched and did not hang."""
    for path in _files():
        # a locked file belongs to a live process; another user's file cannot be opened, and stays
        with contextlib.suppress(OSError), path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _has_traceback(path):
                path.unlink()
