"""The contenders of `make bench`: each module scores the same documents in a separate process.

`python -m benchmarks.contenders.NAME TASK OUT`: both are JSON files, see `Task` and `Result`.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rm_ray.judges.encoding import encode_all, load_tokenizer
from rm_ray.judges.judge import TokenIds
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.windows import windows
from rm_ray.judges.tokens import read_tokenizer


@dataclass
class Task:
    """A Task is the input of a contender."""

    model: str
    """Folder of the model."""
    dtype: str
    """Type of the weights."""
    context_tokens: int
    """Most tokens of context."""
    threads: int
    """Threads of the engine."""
    texts: list[str]
    """Documents to score."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the contender."""

    def judge(self) -> PreferenceJudge:
        """Return rm_ray's judge of the same model; it defines the windows."""
        prompt = self.options.get("prompt", "ids")
        config = PreferenceConfig(
            model=self.model, context_tokens=self.context_tokens, prompt=prompt
        )
        return PreferenceJudge.of(config, read_tokenizer(self.model, None))

    def tokenizer_json(self) -> str:
        """Return the model's tokenizer, without added tokens."""
        return plain_tokenizer(read_tokenizer(self.model, None).json)

    def token_ids(self) -> list[TokenIds]:
        """Return the documents as rm_ray tokenises them."""
        return encode_all(load_tokenizer(self.tokenizer_json()), self.texts)


@dataclass
class Result:
    """A Result is the output of a contender."""

    log_ratios: list[list[float | None]]
    """Log ratios of each document's windows; null if A or B was not among the answers."""
    seconds: float = 0.0
    """Seconds without start-up."""
    forwarded: int | None = None
    """Forwarded tokens; null if unknown."""


Timed = Callable[[], Result]


def run(score: Callable[[Task], Timed]) -> None:
    """Run a contender: `score` starts up, and returns the function that is timed."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text()))
    timed = score(task)
    began = time.perf_counter()
    result = timed()
    result.seconds = result.seconds or time.perf_counter() - began
    Path(sys.argv[2]).write_text(json.dumps(asdict(result)))


def vllm_environment(threads: int) -> dict[str, str]:
    """Return the environment that a CPU engine needs before vLLM is imported."""
    return {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(threads),
    }


def text_windows(task: Task) -> list[list[str]]:
    """Return each document's prompts as strings, built in the way of the judge's authors."""
    judge = task.judge()
    decode = load_tokenizer(task.tokenizer_json()).decode
    documents = []
    for ids in task.token_ids():
        tokens = ids.tolist()
        documents.append(
            [
                f"{decode(tokens[w.start : w.middle])}{judge.config.before_chunk}"
                f"{decode(tokens[w.middle : w.stop])}{judge.config.after_chunk}"
                for w in windows(len(tokens), judge.rule)
            ]
        )
    return documents
