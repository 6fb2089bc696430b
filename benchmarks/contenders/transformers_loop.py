"""A loop over transformers, one window per call: the simplest correct way."""

import torch
from transformers import AutoModelForCausalLM

from benchmarks.contenders import Result, Task, Timed, run


def score(task: Task) -> Timed:
    torch.set_num_threads(task.threads)
    judge = task.judge()
    model = AutoModelForCausalLM.from_pretrained(
        task.model, dtype=getattr(torch, task.dtype)
    ).eval()
    documents = [list(judge.prompts(ids)) for ids in task.token_ids()]
    a, b = judge.label_ids

    @torch.inference_mode()
    def window(prompt: list[int]) -> float:
        logits = model(torch.tensor([prompt]), logits_to_keep=1).logits[0, -1].float()
        return float(logits[a] - logits[b])

    def timed() -> Result:
        ratios = [[window(prompt) for prompt in prompts] for prompts in documents]
        forwarded = sum(len(prompt) for prompts in documents for prompt in prompts)
        return Result(ratios, forwarded=forwarded)

    return timed


if __name__ == "__main__":
    run(score)
