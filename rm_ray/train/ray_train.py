"""Ray Train, without what it does beside its task."""

import os
from typing import Any

from ray.train.torch import TorchTrainer

# Actors that watch for machines that are about to go are not needed: a run goes on anyway.
_ENVIRONMENT = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}


class JudgeTorchTrainer(TorchTrainer):
    """Ray Train's own, but for two things.

    It has no actor that cleans up after its controller. That actor looks for its cluster by
    guessing, and prints a traceback where a machine has several clusters or no dashboard; what it
    would clean up goes with this driver. And Ctrl-C stays what it is in the other jobs.
    """

    def fit(self) -> Any:
        """Run the workers to their end."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        return super().fit()

    def _create_default_callbacks(self) -> list[Any]:
        found: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        return [one for one in found if type(one).__name__ != "PlacementGroupCleanerCallback"]

    def _register_sigint_handler(self, controller: Any) -> None:
        """Leave Ctrl-C alone: Ray Train takes it over, and never gives it back."""
