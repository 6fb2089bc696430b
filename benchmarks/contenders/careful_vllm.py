"""A vLLM script by a careful user: exact token ids, a document's shortest windows first.

Its blocks divide the chunk, its label ids are given by name, and its batch is the fastest on CPU.
"""

import os

from benchmarks.contenders import Result, Task, Timed, run, vllm_environment


def score(task: Task) -> Timed:
    os.environ |= vllm_environment(task.threads) | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    from vllm import LLM, SamplingParams

    judge = task.judge()
    llm = LLM(
        task.model, dtype=task.dtype, max_model_len=judge.max_prompt_tokens + 1,
        kv_cache_memory_bytes=1 << 30, enforce_eager=True, skip_tokenizer_init=True,
        block_size=judge.rule.chunk, max_num_seqs=48, max_num_batched_tokens=16384,
        enable_prefix_caching=True, logprobs_mode="raw_logits",
        hf_overrides={"head_dtype": "float32"},
    )  # fmt: skip
    a, b = judge.label_ids
    params = SamplingParams(
        temperature=0.0, max_tokens=1, logprob_token_ids=[a, b], detokenize=False
    )
    documents = task.token_ids()
    llm.generate([{"prompt_token_ids": documents[0][:64].tolist()}], params, use_tqdm=False)

    def timed() -> Result:
        prompts = [
            {"prompt_token_ids": prompt.tolist()}
            for ids in documents
            for prompt in judge.prompts(ids)
        ]
        outputs = iter(llm.generate(prompts, params, use_tqdm=False))
        ratios: list[list[float | None]] = []
        for ids in documents:
            answers = [next(outputs).outputs[0].logprobs[0] for _ in judge.judgeable(len(ids))]
            ratios.append([x[a].logprob - x[b].logprob for x in answers])
        return Result(ratios)

    return timed


if __name__ == "__main__":
    run(score)
