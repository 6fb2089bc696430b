"""Stops a run when asked to: it logs how to go on, begins nothing new, and lets writes finish.

There may be little time: `ray job stop` kills the process after RAY_JOB_STOP_WAIT_TIME_S of the
head node, and a spot machine gives two minutes' notice. So the run does not wait for shards that
are being judged.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Self

from rm_ray.ending import tell_end
from rm_ray.errors import same_command
from rm_ray.run.faults.handle import NoAnswer, TallyHandle
from rm_ray.run.faults.tally import Tally

log = logging.getLogger(__name__)

# Seconds to wait for writes if it is not known when the process is killed. Kubernetes kills after
# 30 s.
GRACE_S = 20.0
# Seconds that Ray's head node waits by default, and the seconds of them kept for ending.
RAY_GRACE_S, ENDING_S = 3.0, 1.0
POLL_SECONDS = 0.2
# Writes are over if none was under way for so long. Judged shards need a moment to reach their
# write.
QUIET_SECONDS = 0.6


class StopWhenAsked:
    """Within the `with` block, SIGTERM or Ctrl-C ends the process in good order.

    A second signal ends the process at once.
    """

    def __init__(
        self, tally: TallyHandle, left: Callable[[], str], last: Sequence[Callable[[], object]]
    ) -> None:
        """Prepare to stop.

        Args:
            tally: handle of the run's tally.
            left: describes the work that is left, in words.
            last: functions to call before the process ends.
        """
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
            self._ending.join()  # this thread ends the process

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._ending:
            os._exit(1)
        # an exception here would end the pipeline, and with it the writes that are under way
        name = signal.Signals(number).name
        self._ending = threading.Thread(target=self._end, args=(name,), daemon=True)
        self._ending.start()

    def _end(self, name: str) -> None:
        deadline = time.monotonic() + grace()
        try:
            log.warning(
                "stopping (%s): nothing new begins, and writes under way finish; %s. To go on: %s",
                name,
                self._left(),
                same_command(),
            )
            self._tally.tell(Tally.halt, f"it was asked to stop ({name})")
            self._wait_for_writes(deadline)
            for act in self._last:
                act()
            log.error("stopped; the committed parts stay")
            tell_end(1)
            logging.shutdown()
        finally:
            os._exit(1)  # Ray's threads still work: an orderly exit could abort in them

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
        log.warning("some writes have not finished; their shards may be judged again")


def grace() -> float:
    """Return the seconds that writes have to finish, before the process is killed."""
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        return GRACE_S
    try:
        given = float(os.environ.get("RAY_JOB_STOP_WAIT_TIME_S") or RAY_GRACE_S)
    except ValueError:
        given = RAY_GRACE_S
    return max(ENDING_S, given - ENDING_S)
