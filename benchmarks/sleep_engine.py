"""An engine that only sleeps, so that only the pipeline's own cost is left. It never imports
vLLM.
"""

import os
import time

import numpy as np

from rm_ray.engines.engine import EngineCounts

NAME = "benchmarks.sleep_engine:SleepEngine"
# Environment variable with the document tokens per second; 0 for no sleep at all.
RATE = "RM_RAY_SLEEP_RATE"
WINDOWS_AT_ONCE = 256
ANSWER = np.zeros(2, np.float32)


class SleepEngine:
    """Each window takes the time that its chunk's tokens take at the rate."""

    def __init__(self, settings) -> None:  # noqa: ANN001, ARG002
        self.counts = EngineCounts()
        rate = float(os.environ.get(RATE, 20_000))
        self._seconds = 64 / rate if rate else 0.0
        self._keys = []
        self._due = time.monotonic()

    @property
    def has_room(self):  # noqa: ANN201
        return len(self._keys) < WINDOWS_AT_ONCE

    def add(self, key, prompt) -> None:  # noqa: ANN001
        if not self._keys:
            self._due = max(self._due, time.monotonic())
        self._keys.append(key)
        self._due += self._seconds
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)
        self.counts.forwarded_tokens += len(prompt)

    def step(self):  # noqa: ANN201
        """Return zeros."""
        time.sleep(max(0.0, self._due - time.monotonic()))
        keys, self._keys = self._keys, []
        return [(key, ANSWER) for key in keys]
