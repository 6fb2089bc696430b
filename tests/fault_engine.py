"""An engine for tests of faults: its answers follow from the prompt alone, and poison harms it.

Chosen with `--engine.name tests.fault_engine:FaultEngine`. What it judges is written down, so that
a test can tell whether anything was judged twice.
"""

import hashlib
import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from rm_ray.engines import EngineCounts
from rm_ray.tokens import load_tokenizer, plain_tokenizer

NAME = "tests.fault_engine:FaultEngine"
# Set in the cluster's environment: {"log": folder, "seconds": per window}
ENVIRONMENT = "RM_RAY_FAULT_ENGINE"
POISON = {kind: f"poison by {kind} begins here" for kind in ("raise", "nan", "hang", "kill")}


class FaultEngine:
    """Label logits from a hash of the prompt."""

    def __init__(self, settings):
        options = json.loads(os.environ.get(ENVIRONMENT, "{}"))
        self.counts = EngineCounts()
        self._tokenizer = load_tokenizer(plain_tokenizer(settings.model.tokenizer_json))
        self._seconds = options.get("seconds", 0.0)
        self._log = None
        if options.get("log"):
            self._log = (Path(options["log"]) / f"{os.getpid()}-{time.time_ns()}").open("a")

    def score(self, prompts):
        for prompt in prompts:
            self.counts.windows += 1
            self.counts.prompt_tokens += len(prompt)
            self.counts.forwarded_tokens += len(prompt)
            time.sleep(self._seconds)
            if self._log:
                self._log.write(f"{time.time()} {digest(prompt)}\n")
                self._log.flush()
            yield self._poisoned(prompt)

    def _poisoned(self, prompt):
        # the judged chunk, the markers, and what of a marker hangs over from the chunk before
        text = self._tokenizer.decode(prompt[-200:])
        if POISON["raise"] in text:
            raise RuntimeError("the engine cannot stand this text")
        if POISON["hang"] in text:
            time.sleep(3600)
        if POISON["kill"] in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if POISON["nan"] in text:
            return np.float32([np.nan, 0])
        return np.float32([answer(prompt), 0])


def answer(prompt):
    """A number in [-4, 4), the same for the same prompt."""
    return int(digest(prompt)[:8], 16) / 2**32 * 8 - 4


def digest(prompt):
    return hashlib.sha256(np.asarray(prompt, np.int64).tobytes()).hexdigest()[:16]
