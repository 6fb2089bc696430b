"""A plain vLLM script in the way of the judge's authors: text prompts, top logprobs.

Options: `block_size` and `prefix_caching`; vLLM's defaults if not given.
"""

import os

from benchmarks.contenders import Result, Task, Timed, run, text_windows, vllm_environment


def score(task: Task) -> Timed:
    os.environ |= vllm_environment(task.threads) | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    from vllm import LLM, SamplingParams

    given = {
        "block_size": task.options.get("block_size"),
        "enable_prefix_caching": task.options.get("prefix_caching"),
    }
    llm = LLM(
        task.model, dtype=task.dtype, max_model_len=task.context_tokens + 1024,
        kv_cache_memory_bytes=1 << 30, enforce_eager=True,
        **{key: value for key, value in given.items() if value is not None},
    )  # fmt: skip
    params = SamplingParams(temperature=0.0, max_tokens=1, logprobs=20)
    documents = text_windows(task)
    a, b = task.judge().label_ids
    llm.generate(["warm up"], params, use_tqdm=False)

    def timed() -> Result:
        prompts = [prompt for windows in documents for prompt in windows]
        outputs = iter(llm.generate(prompts, params, use_tqdm=False))
        ratios = []
        for windows in documents:
            answers = [next(outputs).outputs[0].logprobs[0] for _ in windows]
            ratios.append([x[a].logprob - x[b].logprob if a in x and b in x else None
                           for x in answers])  # fmt: skip
        return Result(ratios)

    return timed


if __name__ == "__main__":
    run(score)
