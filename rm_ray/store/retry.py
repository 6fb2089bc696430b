"""Trying again: what may pass by itself (a busy store, a broken connection) and what will not.

The only layer that does: a store's client tries a request once. An outage must not cost a judged
shard, which is worth far more than waiting for it; and whoever waits is told why.
"""

import contextlib
import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rm_ray.errors import first_line, redacted, short
from rm_ray.store.access import Request, explained, lacks_credentials
from rm_ray.store.filesystem import answer_of, connect_anew

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Seconds that an operation is tried again, where no judged row depends on it.
PATIENCE_S = 60.0
# So long if it looks like a bad file: so does a body that was cut short.
DAMAGED_S = 2.5
# So long if it is credentials that a process has waited for in vain before.
IN_VAIN_S = 1.0
# Before the second try, and at most before any: each pause is twice the one before it.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# One failure in so many seconds is nobody's news.
NEWS_S = 5.0

_FINAL_TYPES = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
_FINAL_NUMBERS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENOSYS,
}
_CLIENTS = (
    "botocore",
    "aiobotocore",
    "gcsfs",
    "google",
    "azure",
    "huggingface_hub",
    "aiohttp",
    "asyncio",
    "fsspec",
    "httpx",
    "httpx2",
    "requests",
)
# Of the answers that blame the request: those that blame the way it came, or the moment.
_PASSING_CODES = {
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
}
_PASSING_STATUS = {408, 409, 425, 429}
# Azure's 409 that does not pass.
_FINAL_CODES = {"PublicAccessNotPermitted"}
# And of those that blame the server: not implemented, no space left.
_FINAL_STATUS = {501, 507}


@dataclass(frozen=True)
class Retry:
    """An operation that has failed and is tried again. Moments in seconds of the epoch.

    `first`: nothing was told of it before. `reason`: of the last failure; "" once it works again.
    `next_s`: until more is told of it, at most; 0 where it was the last try.
    """

    request: str
    reason: str
    since: float
    until: float
    next_s: float
    first: bool

    def __str__(self) -> str:
        since = _clock(self.since)
        if not self.reason:
            return f"{self.request} works again, after {time.time() - self.since:.0f} s"
        return (
            f"{self.request} fails since {since} ({self.reason}); trying again until "
            f"{_clock(self.until)}"
        )


class Tell(Protocol):
    """Told of retries, also in other processes."""

    def __call__(self, retry: Retry) -> bool:
        """Of each failure that is followed by a try, of the last one, and of success.

        Returns whether to try on, although patience has ended.
        """


def log_retry(retry: Retry) -> bool:
    """One line once it is tried again, one when it works. Ray shows those of tasks."""
    if not retry.reason or (retry.first and retry.next_s):
        log.warning("%s", retry)
    return False


@dataclass(frozen=True)
class Patience:
    """How long an operation is tried again, and who is told meanwhile.

    `has_asked`: the run has asked this store before, so that credentials which a process does not
    find may come: what gives them out to machines is a service, and busy when all of them ask.
    """

    seconds: float = PATIENCE_S
    tell: Tell = log_retry
    sleep: Callable[[float], object] = time.sleep
    has_asked: bool = False


A_MINUTE = Patience()


def patiently(
    action: Callable[[], Result], request: Request, patience: Patience = A_MINUTE
) -> Result:
    """The result of `action`, tried again after each fault that may pass.

    Raises:
        Denied: the store denies access; says all about it.
        OSError: of the last try; errors of the store's client are turned into it.
    """
    tries = Tries(request, patience)
    while True:
        try:
            result = action()
        except Exception as error:  # noqa: BLE001 - raised there, if it is final
            tries.failed(error)
        else:
            tries.worked()
            return result


# Sides of stores for which this process has found no credentials, however long it waited.
_in_vain: set[tuple[str, str]] = set()


class Tries:
    """The tries of one operation, of which the first begins now."""

    def __init__(self, request: Request, patience: Patience) -> None:
        self._request = request
        self._side = request.side, request.store
        self._patience = patience
        self._began = time.monotonic()
        self._since = 0.0
        self._failed = 0
        self._told = False

    def failed(self, error: Exception, *, damaged: bool = False) -> None:
        """Wait for the next try; to be called where the error is handled.

        Args:
            damaged: it looks like a bad file.

        Raises:
            Exception: the error as `patiently` raises it, if there is no next try.
        """
        lacking = self._patience.has_asked and lacks_credentials(error)
        if not lacking and not may_pass(error):
            if (said := explained(error, self._request)) is not error:
                raise said from None
            if _is_clients(error):
                raise as_os_error(error) from error
            raise error
        damaged = damaged or is_bare(error)
        seconds = self._patience.seconds
        if damaged:
            seconds = min(seconds, DAMAGED_S)
        elif lacking:
            seconds = min(seconds, IN_VAIN_S if self._side in _in_vain else PATIENCE_S)
        now = time.monotonic()
        if not self._failed:
            # a store that is silent was so all the time, a broken connection may have been good
            silent = min(self._request.storage.timeout_s, seconds / 2)
            self._since = max(self._began, now - silent)
        pause = min(FIRST_PAUSE_S * 2**self._failed, LONGEST_PAUSE_S)
        self._failed += 1
        left = self._since + seconds - now
        go_on = left > 0
        if self._failed > 1 or now - self._since >= NEWS_S:
            next_s = pause + 3 * self._request.storage.timeout_s
            go_on = (
                self._tell(short(as_os_error(error)), seconds, next_s if go_on else 0.0) or go_on
            )
        if not go_on:
            if lacking:
                _in_vain.add(self._side)
            said = as_os_error(explained(error, self._request))
            if said is error:
                raise error
            raise said from error
        self._patience.sleep(min(pause, left) if left > 0 else pause)
        if lacking:
            with contextlib.suppress(Exception):  # the next try says what is wrong
                connect_anew(self._request.uri, self._request.storage)

    def worked(self) -> None:
        """It has come to its end."""
        _in_vain.discard(self._side)
        if self._told:
            self._tell("", 0.0, 0.0)

    def _tell(self, reason: str, seconds: float, next_s: float) -> bool:
        since = self._since + time.time() - time.monotonic()
        first, self._told = not self._told, True
        what = str(self._request)
        return self._patience.tell(
            Retry(
                request=what,
                reason=redacted(reason),
                since=since,
                until=since + seconds,
                next_s=next_s,
                first=first,
            )
        )


def may_pass(error: BaseException) -> bool:
    """Whether the same call may work a little later."""
    code, status = answer_of(error)
    if code in _FINAL_CODES:
        return False
    if 300 <= status < 500:
        return code in _PASSING_CODES or status in _PASSING_STATUS
    if status in _FINAL_STATUS:
        return False
    if isinstance(error, OSError):
        return not isinstance(error, _FINAL_TYPES) and error.errno not in _FINAL_NUMBERS
    return _is_clients(error) and not lacks_credentials(error)


def _is_clients(error: BaseException) -> bool:
    """Whether an error is one that only clients of stores raise, or what they build on."""
    return type(error).__module__.partition(".")[0] in _CLIENTS


def is_bare(error: BaseException) -> bool:
    """Whether it is an OSError of Arrow's, which has no number and tells of a bad file."""
    return type(error) is OSError and error.errno is None


def as_os_error(error: Exception) -> OSError:
    """The error as an OSError that says something: clients of stores raise others beside it."""
    if isinstance(error, OSError):
        return error if str(error) else OSError(errno.ETIMEDOUT, "no answer in time")
    said = f"{type(error).__name__}: {first_line(error)}"
    code, _ = answer_of(error)
    # with a number: one without is Arrow's, and tells of a bad file
    return OSError(errno.EIO, said if code in said else f"{said} ({code})")


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
