"""Ray Train, without what it does beside its task."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.train.torch import TorchTrainer

# Ray Train's actors that watch for machines that go are not needed: a run goes on anyway.
_ENVIRONMENT = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}


class JudgeTorchTrainer(TorchTrainer):
    """Ray Train's own, without the actor that cleans up after its controller.

    That actor looks for its cluster by guessing, and prints a traceback where a machine has several
    clusters or no dashboard. What it would clean up goes with this driver.
    """

    def _create_default_callbacks(self) -> list[Any]:
        found: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        return [one for one in found if type(one).__name__ != "PlacementGroupCleanerCallback"]


@contextmanager
def as_before() -> Iterator[None]:
    """Leave this process as it was: Ray Train takes over Ctrl-C, and never gives it back."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
