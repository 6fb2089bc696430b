"""A generator for tests: its answers follow from prompt, temperature and seed alone.

Chosen with `--engine.name tests.generate_engine:HashGenerator`.
"""

import hashlib
import json
import os
import time

import numpy as np

from rm_ray.engines.engine import EngineCounts

NAME = "tests.generate_engine:HashGenerator"
# Set in the environment: {"seconds": per prompt}
ENVIRONMENT = "RM_RAY_GENERATE_ENGINE"
IN_FLIGHT, STEP = 16, 5
WORDS = 1000  # ids below this are words of the tiny judge's tokenizer


class HashGenerator:
    """Draws words by a hash; answers come in another order than prompts."""

    def __init__(self, settings):
        self.counts = EngineCounts()
        self._read_out = settings.read_out
        self._longest = settings.max_prompt_tokens
        self._seconds = json.loads(os.environ.get(ENVIRONMENT, "{}")).get("seconds", 0.0)
        self._waiting = {}

    @property
    def has_room(self):
        return len(self._waiting) < IN_FLIGHT

    def add(self, key, prompt, sampling):
        assert 0 < len(prompt) <= self._longest and key not in self._waiting
        assert sampling.most <= self._read_out.answer_tokens
        self._waiting[key] = prompt, sampling
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self):
        batch = [(key, self._waiting.pop(key)) for key in list(self._waiting)[-STEP:]]
        time.sleep(self._seconds * len(batch))
        return [(key, draw(*asked)) for key, asked in batch]


def draw(prompt, sampling):
    """The tokens that are drawn after a prompt."""
    named = f"{sampling.temperature} {sampling.seed} {prompt.tolist()}".encode()
    seed = int.from_bytes(hashlib.sha256(named).digest()[:8], "big")
    return np.random.default_rng(seed).integers(300, WORDS, sampling.most).astype(np.int32)
