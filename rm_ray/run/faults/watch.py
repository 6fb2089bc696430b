"""Watches the engines of a round, from the driver.

Ray Data would wait for ever for a pool whose actors no longer come up.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

from rm_ray.cluster.machines import machine_name
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0


class NoEngineLeft(Exception):
    """Raised if no engine lives and none will."""


class EngineWatch(ExecutionCallback):
    """An EngineWatch asks the tally about the engines while the pipeline runs.

    It logs the machines that cannot start an engine.
    """

    def __init__(self, tally: TallyHandle, machines: Callable[[], set[str]]) -> None:
        """Keep what to ask.

        Args:
            tally: handle of the run's tally.
            machines: returns the node ids of the machines that hold an engine.
        """
        self._tally = tally
        self._machines = machines
        self._next = 0.0

    def on_execution_step(self, executor: Any) -> None:  # noqa: ARG002 - Ray Data gives it
        """Look at the engines every WATCH_SECONDS. Ray Data's loop calls this many times a second.

        Raises:
            NoEngineLeft: no engine lives and none will. This ends the pipeline.
        """
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + WATCH_SECONDS
            if over := self._look():
                raise NoEngineLeft(over)

    def after_execution_succeeds(self, executor: Any) -> None:  # noqa: ARG002
        """Look once more: a machine may have failed since the last look."""
        self._look()

    def _look(self) -> str | None:
        failed, over = self._tally.call(Tally.watch, self._machines())
        for node, reason in failed.items():
            log.warning("%s gets no more engines: %s", machine_name(node), reason)
        for text in self._tally.call(Tally.take_warnings):
            log.warning("%s", text)
        return over
