"""An engine for tests of faults: its answers follow from the prompt alone, and poison harms it.

Chosen with `--engine.name tests.fault_engine:FaultEngine`. What it judges is written down, so that
a test can tell whether anything was judged twice.
"""

import hashlib
import json
import math
import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np

from rm_ray.engines import EngineCounts
from rm_ray.tokens import load_tokenizer, plain_tokenizer

NAME = "tests.fault_engine:FaultEngine"
# Set in the cluster's environment: {"folder": where it writes down what it judges, and looks for
# files that change its ways, "seconds": per window}
ENVIRONMENT = "RM_RAY_FAULT_ENGINE"
# Names of such files: no text harms it any more; it stands no document at all; it starts sick.
CURED, PICKY, SICK = "cured", "picky", "sick"
POISON = {kind: f"poison by {kind} begins here" for kind in ("raise", "nan", "hang", "kill")}


class FaultEngine:
    """Label logits from a hash of the prompt."""

    def __init__(self, settings):
        options = json.loads(os.environ.get(ENVIRONMENT, "{}"))
        self._folder = Path(options.get("folder", "/nowhere"))
        self.counts = EngineCounts()
        self._tokenizer = load_tokenizer(plain_tokenizer(settings.model.tokenizer_json))
        self._seconds = options.get("seconds", 0.0)
        self._log = None
        if self._folder.is_dir():
            (self._folder / "judged").mkdir(exist_ok=True)
            self._log = (self._folder / "judged" / f"{os.getpid()}-{time.time_ns()}").open("a")

    def score(self, prompts):
        for prompt in prompts:
            self.counts.windows += 1
            self.counts.prompt_tokens += len(prompt)
            self.counts.forwarded_tokens += len(prompt)
            if self._seconds:
                time.sleep(self._seconds)
            if self._log:
                self._log.write(f"{time.time()} {digest(prompt)}\n")
                self._log.flush()
            poison = self._poison(prompt)
            self._misbehave(prompt, poison)
            yield np.float32([math.nan if poison == "nan" else answer(prompt), 0])

    def _poison(self, prompt):
        if (self._folder / CURED).exists():
            return None
        # the judged chunk, the markers, and what of a poison hangs over from the chunk before
        text = self._tokenizer.decode(prompt[-200:].tolist())
        return next((kind for kind, words in POISON.items() if words in text), None)

    def _misbehave(self, prompt, poison):
        if (self._folder / SICK).exists():
            raise RuntimeError("the engine is sick")
        if (self._folder / PICKY).exists() and len(set(prompt.tolist())) > 40:
            raise RuntimeError("the engine stands no document")
        if poison == "raise":
            raise RuntimeError("the engine cannot stand this text")
        if poison == "hang":
            time.sleep(3600)
        if poison == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def judged(folder):
    """Digests of all windows that engines have begun, with how often."""
    lines = [
        line for file in (folder / "judged").iterdir() for line in file.read_text().split("\n")
    ]
    return Counter(line.partition(" ")[2] for line in lines if line)


def answer(prompt):
    """A number in [-4, 4), the same for the same prompt."""
    return int(digest(prompt)[:8], 16) / 2**32 * 8 - 4


def digest(prompt):
    return hashlib.sha256(np.asarray(prompt, np.int64).tobytes()).hexdigest()[:16]
