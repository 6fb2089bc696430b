"""rm_ray's engine alone, in this process. Options: `block_size`, `prompt`, `fast_cache`."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import Result, Task, Timed, run
from rm_ray.engines.engine import Engine, EngineSettings, answer_all
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model


def score_with(task: Task, make: Callable[[EngineSettings, dict[str, Any]], Engine]) -> Timed:
    """Start the engine that `make` returns, and time it."""
    judge = task.judge()
    settings = EngineSettings(
        config=EngineConfig(
            dtype=task.dtype,
            kv_cache_gb=1.0,
            fast_cache=task.options.get("fast_cache", False),
        ),
        model=resolve_model(task.model, None),
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=task.options.get("block_size", judge.rule.chunk),
        gpus=0,
        threads=task.threads,
    )
    os.environ.update(settings.environment())
    engine = make(settings, task.options)
    documents = task.token_ids()
    answer_all(engine, [documents[0][:64]])

    def timed() -> Result:
        forwarded = engine.counts.forwarded_tokens
        prompts = (prompt for ids in documents for prompt in judge.prompts(ids))
        answers = iter(answer_all(engine, prompts))
        ratios = [
            [judge.chunk_reward(next(answers)) for _ in judge.judgeable(len(ids))]
            for ids in documents
        ]
        return Result(ratios, forwarded=engine.counts.forwarded_tokens - forwarded)

    return timed


if __name__ == "__main__":
    run(lambda task: score_with(task, lambda settings, _: start_engine(settings)))
