"""`ray.data.llm`, one row per window. Only its engine stage is timed, without start-up."""

import os
import time
from typing import Any

from benchmarks.contenders import Result, Task, Timed, run, text_windows, vllm_environment


def score(task: Task) -> Timed:
    os.environ |= vllm_environment(task.threads) | {"RAY_AUTH_MODE": "disabled"}
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    documents = text_windows(task)
    labels = task.judge().label_ids
    rows = [
        {"document": d, "window": w, "prompt": prompt}
        for d, windows in enumerate(documents)
        for w, prompt in enumerate(windows)
    ]
    ray.init(address="local", num_cpus=4, include_dashboard=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    config = vLLMEngineProcessorConfig(
        model_source=task.model,
        engine_kwargs={
            "dtype": task.dtype, "max_model_len": task.context_tokens + 1024,
            "kv_cache_memory_bytes": 1 << 30, "enforce_eager": True,
            "enable_prefix_caching": True, "block_size": task.options.get("block_size", 128),
        },
        concurrency=1, batch_size=256, log_engine_metrics=False,
        chat_template_stage=False, tokenize_stage=False, detokenize_stage=False,
        placement_group_config={"bundles": [{"CPU": 1}]},
        runtime_env={"env_vars": {"OMP_NUM_THREADS": str(task.threads)}},
    )  # fmt: skip
    processor = build_processor(
        config,
        preprocess=lambda row: {
            **row,
            "sampling_params": {"temperature": 0.0, "max_tokens": 1, "logprobs": 20},
        },
        postprocess=lambda row: {
            "document": row["document"],
            "window": row["window"],
            "log_ratio": log_ratio(row["logprobs"][0]),
            "began": time.time() - row["time_taken_llm"],
            "ended": time.time(),
        },
    )

    def log_ratio(logprobs: dict[int, Any]) -> float | None:
        if all(label in logprobs for label in labels):
            return logprobs[labels[0]]["logprob"] - logprobs[labels[1]]["logprob"]
        return None

    def timed() -> Result:
        found = processor(ray.data.from_items(rows)).take_all()
        ratios: list[list[float | None]] = [[None] * len(windows) for windows in documents]
        for row in found:
            ratios[row["document"]][row["window"]] = row["log_ratio"]
        # from the first request's start to the last row: without the engine's start-up
        seconds = max(row["ended"] for row in found) - min(row["began"] for row in found)
        return Result(ratios, seconds)

    return timed


if __name__ == "__main__":
    run(score)
