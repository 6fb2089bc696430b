"""Stopping when asked to: nothing new begins, writes under way land, the way on is said first.

Whoever asks may not wait long: `ray job stop` kills after RAY_JOB_STOP_WAIT_TIME_S of the head, a
spot machine's notice is two minutes. So nothing waits for shards that are being judged.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Self

from rm_ray.errors import same_command
from rm_ray.run.faults.handle import NoAnswer, TallyHandle
from rm_ray.run.faults.tally import Tally

log = logging.getLogger(__name__)

# How long writes are waited for where nobody has said when the process is killed: Kubernetes does
# after 30 s.
GRACE_S = 20.0
# What Ray's head waits unless told otherwise, and what of it is left for ending.
RAY_GRACE_S, ENDING_S = 3.0, 1.0
POLL_SECONDS = 0.2
# A shard that was judged is on its way to its write for a moment.
QUIET_SECONDS = 0.6


class StopWhenAsked:
    """While entered, SIGTERM or Ctrl-C ends the process in good order; asked twice, at once.

    `left`: says what finishing would take. `last`: what is done before the end.
    """

    def __init__(
        self, tally: TallyHandle, left: Callable[[], str], last: Sequence[Callable[[], object]]
    ) -> None:
        self._tally = tally
        self._left = left
        self._last = last
        self._before: dict[signal.Signals, Any] = {}
        self._ending: threading.Thread | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._ending:
            self._ending.join()  # which ends the process

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._ending:
            os._exit(1)
        # not raised here: that would take the pipeline down with the writes that are under way
        name = signal.Signals(number).name
        self._ending = threading.Thread(target=self._end, args=(name,), daemon=True)
        self._ending.start()

    def _end(self, name: str) -> None:
        deadline = time.monotonic() + grace()
        try:
            log.warning(
                "stopping (%s): nothing new begins, what is being written lands; %s. To go on: %s",
                name,
                self._left(),
                same_command(),
            )
            self._tally.tell(Tally.halt, f"it was asked to ({name})")
            self._wait_for_writes(deadline)
            for act in self._last:
                act()
            log.error("stopped; what is committed stays")
            logging.shutdown()
        finally:
            os._exit(1)  # Ray's threads are at work: taking them down in order can abort

    def _wait_for_writes(self, deadline: float) -> None:
        quiet_since = time.monotonic()
        while time.monotonic() < deadline:
            try:
                writing = self._tally.call_within(1, Tally.writes)
            except NoAnswer:
                writing = 1  # the tally is busy
            if writing:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > QUIET_SECONDS:
                return
            time.sleep(POLL_SECONDS)
        log.warning("some writes have not ended; their shards may be judged again")


def grace() -> float:
    """Seconds for writes to end in, before the process is killed."""
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        return GRACE_S
    try:
        given = float(os.environ.get("RAY_JOB_STOP_WAIT_TIME_S") or RAY_GRACE_S)
    except ValueError:
        given = RAY_GRACE_S
    return max(ENDING_S, given - ENDING_S)
