"""What `make bench` compares: each module scores the same documents in a process of its own.

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
    """What to score. `options`: the contender's own."""

    model: str
    dtype: str
    context_tokens: int
    threads: int
    texts: list[str]
    options: dict[str, Any] = field(default_factory=dict)

    def judge(self) -> PreferenceJudge:
        """rm_ray's judge of the same model: it says what the windows are."""
        prompt = self.options.get("prompt", "ids")
        config = PreferenceConfig(
            model=self.model, context_tokens=self.context_tokens, prompt=prompt
        )
        return PreferenceJudge.of(config, read_tokenizer(self.model, None))

    def tokenizer_json(self) -> str:
        """The model's tokenizer, without added tokens."""
        return plain_tokenizer(read_tokenizer(self.model, None).json)

    def token_ids(self) -> list[TokenIds]:
        """The documents as rm_ray tokenises them."""
        return encode_all(load_tokenizer(self.tokenizer_json()), self.texts)


@dataclass
class Result:
    """What came of it. `seconds`: without start-up.

    `log_ratios`: of each document's windows, null where A or B was not among the answers.
    `forwarded`: tokens, where it is known.
    """

    log_ratios: list[list[float | None]]
    seconds: float = 0.0
    forwarded: int | None = None


Timed = Callable[[], Result]


def run(score: Callable[[Task], Timed]) -> None:
    """`score` starts up and returns what is timed."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text()))
    timed = score(task)
    began = time.perf_counter()
    result = timed()
    result.seconds = result.seconds or time.perf_counter() - began
    Path(sys.argv[2]).write_text(json.dumps(asdict(result)))


def vllm_environment(threads: int) -> dict[str, str]:
    """What a CPU engine's process needs before vLLM is imported."""
    return {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(threads),
    }


def text_windows(task: Task) -> list[list[str]]:
    """The prompts of each document as strings, as the judge's authors would put them together."""
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
