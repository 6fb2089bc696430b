"""Retries requests that failed for a reason that may pass: a busy store, a broken connection.

This is the only layer that retries; a store's client tries a request once. An outage must not cost
a judged shard, since a shard is worth far more than the wait. Each wait is logged with its reason.
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

# Seconds for which an operation is retried, if no judged row depends on it.
PATIENCE_S = 60.0
# Seconds if the error looks like a bad file; a body that was cut short looks the same.
DAMAGED_S = 2.5
# Seconds if credentials are missing, and this process has waited for them in vain before.
IN_VAIN_S = 1.0
# Seconds before the second try, and the longest pause; each pause is twice the pause before.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A single failure that took less than this many seconds is not logged.
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
# Codes and statuses of answers that blame the request, but only its transfer or the moment.
_PASSING_CODES = {
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
}
_PASSING_STATUS = {408, 409, 425, 429}
# An Azure answer with status 409 that never passes.
_FINAL_CODES = {"PublicAccessNotPermitted"}
# Server errors that never pass: not implemented, no space left.
_FINAL_STATUS = {501, 507}


@dataclass(frozen=True)
class Retry:
    """A Retry describes an operation that has failed and is retried."""

    request: str
    """The request in words."""
    reason: str
    """The reason of the last failure; "" once the operation works again."""
    since: float
    """When the failures began, in seconds of the epoch."""
    until: float
    """When the retries end, in seconds of the epoch."""
    next_s: float
    """Most seconds until the next Retry of this operation; 0 if this was the last try."""
    first: bool
    """True if this is the operation's first Retry."""

    def __str__(self) -> str:
        since = _clock(self.since)
        if not self.reason:
            return f"{self.request} works again, after {time.time() - self.since:.0f} s"
        return (
            f"{self.request} fails since {since} ({self.reason}); trying again until "
            f"{_clock(self.until)}"
        )


class Tell(Protocol):
    """A Tell is told of retries, also in other processes."""

    def __call__(self, retry: Retry) -> bool:
        """Take note of a failure before its retry, of the last failure, or of the success.

        Returns True to retry further although patience has ended.
        """


def log_retry(retry: Retry) -> bool:
    """Log one line at the first retry and one at success. Ray shows the lines of its tasks."""
    if not retry.reason or (retry.first and retry.next_s):
        log.warning("%s", retry)
    return False


@dataclass(frozen=True)
class Patience:
    """A Patience says how long an operation is retried, and who is told meanwhile."""

    seconds: float = PATIENCE_S
    """Seconds of retries."""
    tell: Tell = log_retry
    """Called with each Retry."""
    sleep: Callable[[float], object] = time.sleep
    """Waits for some seconds."""
    has_asked: bool = False
    """True if the run has asked this store before. Then missing credentials may still come: a
    service gives them to machines, and it is busy when all machines ask at once."""


A_MINUTE = Patience()


def patiently(
    action: Callable[[], Result], request: Request, patience: Patience = A_MINUTE
) -> Result:
    """Run `action` and return its result; retry after each failure that may pass.

    Args:
        action: does the request.
        request: describes the request.
        patience: says how long to retry.

    Raises:
        Denied: the store denies access; with a full explanation.
        OSError: the last try failed; errors of the store's client are turned into OSError.
    """
    tries = Tries(request, patience)
    while True:
        try:
            result = action()
        except Exception as error:  # noqa: BLE001 - `failed` raises a final error
            tries.failed(error)
        else:
            tries.worked()
            return result


# Pairs of section and store for which this process has waited for credentials in vain.
_in_vain: set[tuple[str, str]] = set()


class Tries:
    """Tries counts and times the tries of one operation. The first try begins now."""

    def __init__(self, request: Request, patience: Patience) -> None:
        self._request = request
        self._side = request.side, request.store
        self._patience = patience
        self._began = time.monotonic()
        self._since = 0.0
        self._failed = 0
        self._told = False

    def failed(self, error: Exception, *, damaged: bool = False) -> None:
        """Wait for the next try. Call this while the error is handled.

        Args:
            error: the failure.
            damaged: the error looks like a bad file.

        Raises:
            Exception: the error as `patiently` raises it, if there is no next try.
        """
        lacking = self._patience.has_asked and lacks_credentials(error)
        if not lacking and not may_pass(error):
            if (final := explained(error, self._request)) is not error:
                raise final from None
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
            # a silent store has been silent all the time; a broken connection may have been good
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
            final = as_os_error(explained(error, self._request))
            if final is error:
                raise error
            raise final from error
        self._patience.sleep(min(pause, left) if left > 0 else pause)
        if lacking:
            with contextlib.suppress(Exception):  # the next try will raise the error again
                connect_anew(self._request.uri, self._request.storage)

    def worked(self) -> None:
        """Note that the operation has succeeded."""
        _in_vain.discard(self._side)
        if self._told:
            self._tell("", 0.0, 0.0)

    def _tell(self, reason: str, seconds: float, next_s: float) -> bool:
        since = self._since + time.time() - time.monotonic()
        first, self._told = not self._told, True
        request = str(self._request)
        return self._patience.tell(
            Retry(
                request=request,
                reason=redacted(reason),
                since=since,
                until=since + seconds,
                next_s=next_s,
                first=first,
            )
        )


def may_pass(error: BaseException) -> bool:
    """Return True if the same call may work a little later."""
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
    """Return True if the error comes from a store's client or from a package that it uses."""
    return type(error).__module__.partition(".")[0] in _CLIENTS


def is_bare(error: BaseException) -> bool:
    """Return True for an OSError without a number: Arrow raises it for a bad file."""
    return type(error) is OSError and error.errno is None


def as_os_error(error: Exception) -> OSError:
    """Turn an error of a store's client into an OSError with a message."""
    if isinstance(error, OSError):
        return error if str(error) else OSError(errno.ETIMEDOUT, "no answer in time")
    message = f"{type(error).__name__}: {first_line(error)}"
    code, _ = answer_of(error)
    # with a number: an OSError without one is Arrow's, and means a bad file
    return OSError(errno.EIO, message if code in message else f"{message} ({code})")


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))
