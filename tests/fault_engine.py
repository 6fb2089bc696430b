"""An engine for tests of faults: its answers follow from the prompt alone, and poison harms it.

Chosen with `--engine.name tests.fault_engine:FaultEngine`. What it judges is written down, so that
a test can tell whether anything was judged twice.
"""

import contextlib
import hashlib
import json
import math
import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import ray

from rm_ray.engines.engine import EngineCounts
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer

TINY = Path(__file__).parent / "tiny_judge"
IN_FLIGHT, STEP, BLOCK = 32, 8, 32
NAME = "tests.fault_engine:FaultEngine"
# Set in the cluster's environment: {"folder": where it writes down what it judges, and looks for
# files that change its ways, "seconds": per window}
ENVIRONMENT = "RM_RAY_FAULT_ENGINE"
# Names of such files: no text harms it any more; it stands no document at all; it starts sick; its
# start does not end; it has no memory for prompts longer than CRAMPED_TOKENS; it takes SLOW_SECONDS
# for a window.
CURED, PICKY, SICK, WAITS = "cured", "picky", "sick", "waits"
CRAMPED, SLOW = "cramped", "slow"
CRAMPED_TOKENS = 300
SLOW_SECONDS = 0.01
# And of one that an engine takes away as it raises.
RAISE_ONCE = "raise-once"
POISON = {kind: f"poison by {kind} begins here" for kind in ("raise", "nan", "hang", "kill")}


class FaultEngine:
    """Label logits from a hash of the prompt; a prefix cache that remembers what it never computed.

    As vLLM's, it registers a prompt's blocks before it computes them: after a step that raised,
    prompts that begin alike get wrong answers. Without a folder to write to it has no cache.
    """

    def __init__(self, settings):
        options = json.loads(os.environ.get(ENVIRONMENT, "{}"))
        self._folder = Path(options.get("folder", "/nowhere"))
        self.counts = EngineCounts()
        self._tokenizer = load_tokenizer(plain_tokenizer((TINY / "tokenizer.json").read_text()))
        self._seconds = options.get("seconds", 0.0)
        self._waiting = {}
        self._never_computed, self._computed = set(), set()
        self._log = None
        # its machine, where it is in a cluster
        self._node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "none"
        while self._finds(WAITS):
            time.sleep(0.1)
        if self._folder.is_dir():
            (self._folder / "judged").mkdir(exist_ok=True)
            name = f"{self._node}-{os.getpid()}-{time.time_ns()}"
            self._log = (self._folder / "judged" / name).open("a")

    @property
    def has_room(self):
        return len(self._waiting) < IN_FLIGHT

    def add(self, key, prompt):
        self._waiting[key] = prompt
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self):
        batch = {key: self._waiting.pop(key) for key in list(self._waiting)[:STEP]}
        theirs = {key: set(blocks(one)) if self._log else set() for key, one in batch.items()}
        spoiled = {key for key, some in theirs.items() if some & self._never_computed}
        new = set().union(*theirs.values())
        new = {block for block in new if block not in self._computed}
        new -= self._never_computed  # what is found in the cache is not computed again
        self._never_computed |= new
        answers = [(key, self._answer(prompt, key in spoiled)) for key, prompt in batch.items()]
        self._never_computed -= new
        self._computed |= new
        return answers[::-1]

    def _answer(self, prompt, spoiled):
        self.counts.forwarded_tokens += len(prompt)
        if self._seconds or self._finds(SLOW):
            time.sleep(self._seconds or SLOW_SECONDS)
        if self._log:
            self._log.write(f"{time.time()} {digest(prompt)}\n")
            self._log.flush()
        poison = self._poison(prompt)
        self._misbehave(prompt, poison)
        return np.float32([math.nan if poison == "nan" else answer(prompt) + 9 * spoiled, 0])

    def _poison(self, prompt):
        if (self._folder / CURED).exists():
            return None
        if self._finds(PICKY) and len(set(prompt.tolist())) > 40:
            return "nan"
        # the judged chunk, the markers, and what of a poison hangs over from the chunk before
        text = self._tokenizer.decode(prompt[-200:].tolist())
        return next((kind for kind, words in POISON.items() if words in text), None)

    def _finds(self, name):
        return any((self._folder / file).exists() for file in (name, on(self._node, name)))

    def _misbehave(self, prompt, poison):
        if self._finds(SICK):
            raise RuntimeError("the engine is sick")
        if self._finds(CRAMPED) and len(prompt) > CRAMPED_TOKENS:
            raise RuntimeError("out of memory")
        with contextlib.suppress(OSError):
            (self._folder / RAISE_ONCE).unlink()
            raise RuntimeError("the engine raised, for once")
        if poison == "raise":
            raise RuntimeError("the engine cannot stand this text")
        if poison == "hang":
            time.sleep(3600)
        if poison == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def on(node, name):
    """The file's name that changes the ways of engines on one machine only."""
    return f"{name}-{node}"


def blocks(prompt):
    """A name for each whole block of the prompt, with all before it."""
    running = hashlib.sha256()
    for stop in range(BLOCK, len(prompt) + 1, BLOCK):
        running.update(prompt[stop - BLOCK : stop].tobytes())
        yield running.digest()


def judged(folder):
    """Digests of all windows that engines have begun, with how often."""
    lines = [
        line for file in (folder / "judged").iterdir() for line in file.read_text().split("\n")
    ]
    return Counter(line.partition(" ")[2] for line in lines if line)


def where_judged(folder, window, since):
    """The machines of the engines that began this window, in order of time."""
    found = []
    for file in (folder / "judged").iterdir():
        for line in file.read_text().splitlines():
            at, _, digest = line.partition(" ")
            if digest == window and float(at) > since:
                found.append((float(at), file.name.partition("-")[0]))
    return [node for _, node in sorted(found)]


def answer(prompt):
    """A number in [-4, 4), the same for the same prompt."""
    return int(digest(prompt)[:8], 16) / 2**32 * 8 - 4


def digest(prompt):
    return hashlib.sha256(np.asarray(prompt, np.int64).tobytes()).hexdigest()[:16]
