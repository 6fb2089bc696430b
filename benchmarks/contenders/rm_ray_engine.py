"""rm_ray's engine alone, in this process. Options: `block_size`, `prompt`."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import Result, Task, Timed, run
from rm_ray.config import EngineConfig
from rm_ray.engines import Engine, EngineSettings, start_engine
from rm_ray.model import resolve_model


def score_with(task: Task, make: Callable[[EngineSettings, dict[str, Any]], Engine]) -> Timed:
    """Start the engine that `make` gives, and time it."""
    judge = task.judge()
    settings = EngineSettings(
        config=EngineConfig(dtype=task.dtype, kv_cache_gb=1.0),
        model=resolve_model(task.model, None, None),
        label_ids=judge.label_ids,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=task.options.get("block_size", judge.rule.chunk),
        on_gpu=False,
        threads=task.threads,
    )
    os.environ.update(settings.environment())
    engine = make(settings, task.options)
    documents = judge.tokenize(task.texts)
    list(engine.score([documents[0][:64]]))

    def timed() -> Result:
        forwarded = engine.counts.forwarded_tokens
        answers = engine.score(prompt for ids in documents for prompt in judge.prompts(ids))
        ratios = [
            [judge.chunk_reward(next(answers)) for _ in judge.judgeable(len(ids))]
            for ids in documents
        ]
        next(answers, None)
        return Result(ratios, forwarded=engine.counts.forwarded_tokens - forwarded)

    return timed


if __name__ == "__main__":
    run(lambda task: score_with(task, lambda settings, _: start_engine(settings)))
