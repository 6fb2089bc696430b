"""The tally as an object of the driver. Processes of the same machine call it through a socket."""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from typing_extensions import override

from rm_ray.errors import one_line
from rm_ray.run.faults.handle import NoAnswer, TallyHandle
from rm_ray.run.faults.tally import Tally

log = logging.getLogger(__name__)

# What a call gives, or why it failed.
_Answer = tuple[Any, str | None]


class TallyHere(TallyHandle):
    """A TallyHere calls the tally of its own process, one call at a time.

    Other processes get it as a TallyAway, by pickle.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self._key = os.urandom(16)
        self._listener = Listener(authkey=self._key)
        threading.Thread(target=self._listen, name="tally", daemon=True).start()

    def __reduce__(self) -> tuple[Any, ...]:
        return TallyAway, (self._listener.address, self._key)

    @override
    def _send(
        self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[float | None], Any]:
        with self._lock:
            answer = getattr(self._tally, method)(*args, **kwargs)
        return lambda _: answer

    def _listen(self) -> None:
        while True:
            try:
                client = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue  # the calling process ended, or is none of this run
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: "Connection[Any, Any]") -> None:
        while True:
            try:
                method, args, kwargs = client.recv()
                client.send(self._answer(method, args, kwargs))
            except (EOFError, OSError):
                return  # the process has ended

    def _answer(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Answer:
        try:
            return self._send(method, args, kwargs)(None), None
        except Exception as error:
            log.exception("the tally's method %s failed", method)
            return None, one_line(error)


class TallyAway(TallyHandle):
    """A TallyAway calls the tally in the process that started this one."""

    def __init__(self, address: str, key: bytes) -> None:
        self._address = address
        self._key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return TallyAway, (self._address, self._key)

    @override
    def _send(
        self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[float | None], Any]:
        answer = _ask(self._address, self._key, (method, args, kwargs))
        return lambda _: answer


_LOCK = threading.Lock()


def _ask(address: str, key: bytes, call: Any) -> Any:
    """Send a call and wait for its answer.

    Raises:
        NoAnswer: the driver has ended, or the tally raised.
    """
    with _LOCK:
        try:
            line = _line(address, key)
            line.send(call)
            answer, failed = line.recv()
        except (EOFError, OSError) as error:
            raise NoAnswer(f"the driver has ended: {error}") from error
    if failed:
        raise NoAnswer(f"the tally failed: {failed}")
    return answer


@lru_cache(maxsize=1)
def _line(address: str, key: bytes) -> "Connection[Any, Any]":
    """Return this process's connection to the driver, which is kept between calls."""
    return Client(address, authkey=key)
