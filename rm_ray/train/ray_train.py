"""Ray Train's trainer, without two of its side effects."""

import os
from typing import Any

from ray.train.torch import TorchTrainer

# No actors that watch for machines about to be preempted: lost workers are restarted anyway.
_ENVIRONMENT = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}


class JudgeTorchTrainer(TorchTrainer):
    """Ray Train's TorchTrainer with two differences.

    It starts no actor that cleans up after its controller. That actor guesses the address of its
    cluster, and prints a traceback on a machine with several clusters or without a dashboard. The
    things that it would clean up end with this driver. The trainer also leaves Ctrl-C as it is in
    the other jobs.
    """

    def fit(self) -> Any:
        """Run the workers to their end."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        return super().fit()

    def _create_default_callbacks(self) -> list[Any]:
        callbacks: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        unused = "PlacementGroupCleanerCallback"
        return [callback for callback in callbacks if type(callback).__name__ != unused]

    def _register_sigint_handler(self, controller: Any) -> None:
        """Do nothing: Ray Train would take Ctrl-C over, and never give it back."""
