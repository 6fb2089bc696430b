"""A watch over the engines of a round, from the driver.

Ray Data would wait for ever for a pool of which no actor comes up any more.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

from rm_ray.cluster import machine_name
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0


class NoEngine(Exception):
    """No engine lives, and none will."""


class EngineWatch(ExecutionCallback):
    """Asks the tally, as the pipeline runs; names machines that cannot start an engine.

    `machines`: says which machines hold an engine, by node id.
    """

    def __init__(self, tally: TallyHandle, machines: Callable[[], set[str]]) -> None:
        self._tally = tally
        self._machines = machines
        self._next = 0.0

    def on_execution_step(self, executor: Any) -> None:  # noqa: ARG002 - Ray Data gives it
        """Called by Ray Data's loop, many times a second.

        Raises:
            NoEngine: which ends the pipeline.
        """
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + WATCH_SECONDS
            if over := self._look():
                raise NoEngine(over)

    def after_execution_succeeds(self, executor: Any) -> None:  # noqa: ARG002
        """A machine may have failed since the last look."""
        self._look()

    def _look(self) -> str | None:
        failed, over = self._tally.call(Tally.watch, self._machines())
        for node, reason in failed.items():
            log.warning("%s gets no more engines: %s", machine_name(node), reason)
        for text in self._tally.call(Tally.take_warnings):
            log.warning("%s", text)
        return over
