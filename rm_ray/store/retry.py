"""Trying again: what may pass by itself (a busy store, a broken connection) and what will not.

Store clients try a request again on their own; this is for the outage that outlasts them, because
what would be lost with one request (a judged shard) costs far more than waiting for it.
"""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")

# Seconds before each further try: a minute of outage costs no shard.
WAITS = (0.5, 2.0, 6.0, 15.0, 30.0)
# Where little is lost, and somebody may be waiting for the answer.
BRIEF = (0.5, 2.0)

_FINAL_TYPES = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
_FINAL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_CLIENTS = (
    "botocore",
    "aiobotocore",
    "aiohttp",
    "asyncio",
    "fsspec",
    "httpx",
    "httpx2",
    "requests",
)


def patiently(action: Callable[[], Result], waits: Sequence[float] = WAITS) -> Result:
    """The result of `action`, tried again after each fault that may pass.

    Raises:
        OSError: of the last try; errors of the store's client are turned into it.
    """
    for wait in pauses(waits):
        try:
            return action()
        except Exception as error:
            if not may_pass(error):
                raise
            if wait is None:
                raise as_os_error(error) from error
            time.sleep(wait)
    raise AssertionError("unreachable: the last pause is None")


def pauses(waits: Sequence[float] = WAITS) -> Iterator[float | None]:
    """What to wait after each try that fails; None after the last."""
    yield from waits
    yield None


def may_pass(error: BaseException) -> bool:
    """Whether the same call may work a little later."""
    if isinstance(error, OSError):
        return not isinstance(error, _FINAL_TYPES) and error.errno not in _FINAL_NUMBERS
    return type(error).__module__.partition(".")[0] in _CLIENTS


def as_os_error(error: BaseException) -> OSError:
    """The error as an OSError: clients of stores raise their own kinds beside it."""
    if isinstance(error, OSError):
        return error
    # with a number: one without is Arrow's, and tells of a bad file
    return OSError(errno.EIO, f"{type(error).__name__}: {error}")
