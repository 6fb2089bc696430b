"""Classifiers and QRM through the job, against other ways to do the same.

GPT-2 and BERT have their published shapes and random weights, and all contenders get the same
documents. Contenders take turns, each in a separate process, and start-up is not counted. The table
shows no speed for a contender whose rewards differ from the careful loop's by more than TOLERANCE.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import OUT, ROOT, documents
from benchmarks.bench import run as run_alone
from benchmarks.contenders import Result, Task, Timed, run, vllm_environment
from benchmarks.contenders.rm_ray_job import run_job

TOLERANCE = 1e-3
DEMO_TOKENIZER = ROOT / "demo" / "tiny_judge" / "tokenizer.json"
# Tokens of a padded batch; this number is fastest on this CPU for both models.
BATCH_TOKENS = 2048


def make_gpt2(folder: Path) -> None:
    """Make a model of ChaiML's shape: 12 layers of 768, 2 labels; with a tokenizer of the
    same kind.
    """
    import torch
    from tokenizers import Tokenizer
    from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(str(DEMO_TOKENIZER)))
    tokenizer.add_special_tokens({"pad_token": "<|endoftext|>"})
    tokenizer.save_pretrained(folder)
    config = GPT2Config(num_labels=2, pad_token_id=tokenizer.pad_token_id)
    GPT2ForSequenceClassification(config).save_pretrained(folder)


def make_bert(folder: Path) -> None:
    """Make a model of fineweb-edu-classifier's shape: BERT base, one label."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from tests.checkpoints import word_pieces

    torch.manual_seed(0)
    word_pieces(folder)
    config = BertConfig(num_labels=1, problem_type="regression")
    BertForSequenceClassification(config).save_pretrained(folder)


def make_qrm(folder: Path) -> None:
    """Make a model with QRM's heads at their published sizes, over a Llama of 4 layers of 512."""
    from tests import checkpoints

    checkpoints.LLAMA.update(
        hidden_size=512, intermediate_size=2048, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=4, head_dim=64, max_position_embeddings=4096,
    )  # fmt: skip
    checkpoints.quantile(folder, gating_hidden_dim=1024)


# Maker, judge keys, longest prompt, contenders.
MODELS: dict[str, tuple[Callable[[Path], None], dict[str, str], int]] = {
    "gpt2": (make_gpt2, {"family": "classifier", "truncate": "left", "reduction": "index:0"}, 256),
    "bert": (make_bert, {"family": "classifier", "truncate": "right"}, 512),
    "qrm": (make_qrm, {"family": "quantile"}, 1024),
}


def tokenizer_of(task: Task) -> Callable[[], list[list[int]]]:
    """Return a function that makes prompts as the model's own tokenizer does."""
    from transformers import AutoTokenizer

    side = task.options["judge"].get("truncate", "right")
    tokenizer = AutoTokenizer.from_pretrained(task.model, truncation_side=side)

    def token_ids() -> list[list[int]]:
        found = tokenizer(task.texts, truncation=True, max_length=task.context_tokens)
        return list(found["input_ids"])

    return token_ids


def careful_loop(task: Task) -> Timed:
    """Score in batches sorted by length, padded within a token budget, without gradients."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(task.threads)
    model = AutoModelForSequenceClassification.from_pretrained(task.model, dtype="float32").eval()
    pad, token_ids = model.config.pad_token_id or 0, tokenizer_of(task)

    def timed() -> Result:
        prompts = token_ids()
        rewards: list[list[float | None]] = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        while order:
            longest = len(prompts[order[0]])
            batch = [order.pop(0) for _ in range(min(len(order), max(1, BATCH_TOKENS // longest)))]
            ids = torch.full((len(batch), longest), pad)
            mask = torch.zeros((len(batch), longest), dtype=torch.long)
            for row, i in enumerate(batch):
                ids[row, : len(prompts[i])] = torch.tensor(prompts[i])
                mask[row, : len(prompts[i])] = 1
            with torch.inference_mode():
                logits = model(ids, attention_mask=mask).logits
            for i, row in zip(batch, logits.tolist(), strict=True):
                rewards[i] = [row[0]]
        return Result(rewards)

    return timed


def pipeline(task: Task) -> Timed:
    """Score with transformers.pipeline, eight at a time."""
    import torch
    from transformers import AutoTokenizer
    from transformers import pipeline as make_pipeline

    torch.set_num_threads(task.threads)
    side = task.options["judge"].get("truncate", "right")
    tokenizer = AutoTokenizer.from_pretrained(task.model, truncation_side=side)
    classify = make_pipeline(
        "text-classification", model=task.model, tokenizer=tokenizer, dtype="float32", device="cpu",
        function_to_apply="none", top_k=None, batch_size=8, truncation=True,
        max_length=task.context_tokens,
    )  # fmt: skip

    def timed() -> Result:
        found = classify(task.texts)
        first = [next(one for one in row if one["label"] == "LABEL_0") for row in found]
        return Result([[one["score"]] for one in first])

    return timed


def llm_classify(task: Task) -> Timed:
    """Score with vLLM's own offline interface."""
    os.environ |= vllm_environment(task.threads) | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    from vllm import LLM, PoolingParams

    llm = LLM(
        task.model, runner="pooling", dtype="float32", max_model_len=task.context_tokens,
        enforce_eager=True, kv_cache_memory_bytes=1 << 30, max_num_seqs=48,
        max_num_batched_tokens=16384,
    )  # fmt: skip
    params, token_ids = PoolingParams(use_activation=False), tokenizer_of(task)

    def timed() -> Result:
        prompts = [{"prompt_token_ids": ids} for ids in token_ids()]
        found = llm.classify(prompts, pooling_params=params, use_tqdm=False)
        return Result([[one.outputs.probs[0]] for one in found])

    return timed


def job(task: Task) -> Timed:
    """Run rm_ray's whole job, timed from the first ready engine to the last part."""
    folder = Path(tempfile.mkdtemp())
    table = pa.table({"id": list(range(len(task.texts))), "text": task.texts})
    pq.write_table(table, folder / "in.parquet")
    words = {
        "input.path": folder / "in.parquet", "output.path": folder / "out",
        "judge.model": task.model, "judge.max_tokens": task.context_tokens,
        **{f"judge.{key}": value for key, value in task.options["judge"].items()},
        "engine.name": task.options["engine"], "engine.dtype": "float32", "engine.kv_cache_gb": 1,
        "engine.threads": task.threads, "pool.gpus": 0,
        **task.options.get("more", {}),
    }  # fmt: skip

    def timed() -> Result:
        metrics, rows = run_job(words)
        rewards = [[one] for one in rows.column("reward").to_pylist()]
        return Result(rewards, metrics["this_invocation"]["judging_seconds"])

    return timed


CONTENDERS: dict[str, tuple[Callable[[Task], Timed], dict[str, object]]] = {
    "transformers, a careful loop": (careful_loop, {}),
    "transformers.pipeline": (pipeline, {}),
    "vLLM's LLM.classify": (llm_classify, {}),
    "rm_ray job, vllm": (job, {"engine": "vllm"}),
    "rm_ray job, transformers": (
        job, {"engine": "transformers", "more": {"engine.max_batch_tokens": BATCH_TOKENS}},
    ),
}  # fmt: skip


def compare(kind: str, task: Task, rounds: int) -> list[str]:
    """Return the lines of one model's contenders."""
    names = [name for name in CONTENDERS if kind != "qrm" or name.startswith("rm_ray")]
    results: dict[str, list[Result]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names:
            options = task.options | CONTENDERS[name][1]
            results[name].append(
                run_alone("benchmarks.families", replace(task, options=options), name)
            )
            print(
                f"{kind}, round {turn + 1}: {name}: {results[name][-1].seconds:.2f} s", flush=True
            )
    expected = results[names[0]][0].log_ratios
    seconds = {
        name: statistics.median(one.seconds for one in all_) for name, all_ in results.items()
    }
    fastest = min(seconds[name] for name in names if not name.startswith("rm_ray") or kind == "qrm")
    lines = []
    for name in names:
        apart = max(
            abs(cast(float, ours[0]) - cast(float, theirs[0]))
            for one in results[name]
            for ours, theirs in zip(one.log_ratios, expected, strict=True)
        )
        ratio = f"{fastest / seconds[name]:.2f}" if apart < TOLERANCE else "wrong"
        lines.append(f"| {kind} | {name} | {seconds[name]:.1f} | {ratio} | {apart:.1e} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    options = parser.parse_args()
    texts = [text[: 300 * (1 + i % 8)] for i, text in enumerate(documents(0))][: options.documents]
    lines = [
        "| model | | seconds | times the fastest of the others | rewards differ by at most |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for kind in options.only:
        make, judge, longest = MODELS[kind]
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            task = Task(folder, "float32", longest, options.threads, texts, {"judge": judge})
            lines += compare(kind, task, options.rounds)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "families.md").write_text("\n".join(lines) + "\n")
    print("\n".join(["", *lines, "", str(OUT / "families.md")]))


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[3] in CONTENDERS:
        run(CONTENDERS[sys.argv[3]][0])
    else:
        main()
