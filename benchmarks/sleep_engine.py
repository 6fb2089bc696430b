"""An engine that only sleeps: what is left is the pipeline's own cost. vLLM is never imported."""

import os
import time

import numpy as np

from rm_ray.engines import EngineCounts

NAME = "benchmarks.sleep_engine:SleepEngine"
# Document tokens a second in the cluster's environment; 0 for no sleep at all.
RATE = "RM_RAY_SLEEP_RATE"
WINDOWS_AT_ONCE = 256


class SleepEngine:
    """Each window takes as long as its chunk's tokens do at the rate."""

    def __init__(self, settings) -> None:  # noqa: ANN001, ARG002
        self.counts = EngineCounts()
        rate = float(os.environ.get(RATE, 20_000))
        self._seconds = 64 / rate if rate else 0.0

    def score(self, prompts):  # noqa: ANN001, ANN201
        """Zeros."""
        due = time.monotonic()
        answer = np.zeros(2, np.float32)
        for prompt in prompts:
            self.counts.windows += 1
            self.counts.prompt_tokens += len(prompt)
            self.counts.forwarded_tokens += len(prompt)
            due += self._seconds
            if self.counts.windows % WINDOWS_AT_ONCE == 0:
                time.sleep(max(0.0, due - time.monotonic()))
            yield answer
        time.sleep(max(0.0, due - time.monotonic()))
