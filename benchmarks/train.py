"""Training measured: `python -m benchmarks.train packing` and `python -m benchmarks.train plain`.

`packing` compares windows of a document as one tree-packed sequence with the same windows alone:
gradients, and steps per second. `plain` compares the job's loop with a hand-written loop of
transformers and torch, on the same pairs: accuracy on the validation split, and seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from demo.texts import evaluation_documents
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.train.config import TrainConfig
from rm_ray.train.data.examples import PairExamples
from rm_ray.train.data.lists import Lists
from rm_ray.train.job import TrainingLook
from rm_ray.train.loop import train
from rm_ray.train.losses import pair_losses
from rm_ray.train.task import Task, TrainingExamples
from tests.conftest import TINY_JUDGE
from tests.train.tables import write_pairs

LABELS = [32, 33]
CHUNK = 64


def packing(documents: int, repeats: int) -> None:
    """Compare gradients, and steps per second, at 8, 16 and 32 windows per document."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(TINY_JUDGE, dtype=torch.float32)
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.01)
    for windows in (8, 16, 32):
        examples = _examples(documents, windows // 2)
        places = range(documents * windows // 2)
        # unpacked, a batch holds windows of one context length, as in the job
        alike = [list(places[chunk :: windows // 2]) for chunk in range(windows // 2)]
        found = {}
        for packed in (False, True):
            groups = [list(places)] if packed else alike
            batches = [examples.batch(one, packed=packed, targets=False) for one in groups]
            gradients = _step(model, batches)
            began = time.process_time()
            for _ in range(repeats):
                _step(model, batches)
            seconds = (time.process_time() - began) / repeats
            found[packed] = gradients, seconds, sum(one["input_ids"].numel() for one in batches)
        (mine, alone, tokens), (theirs, trees, fewer) = found[False], found[True]
        worst = max(float((mine[n] - theirs[n]).abs().max() / mine[n].abs().max()) for n in mine)
        print(
            f"{windows} windows a document, {documents} documents: {1 / alone:.2f} steps/s alone "
            f"({tokens:,} tokens), {1 / trees:.2f} packed ({fewer:,}), {alone / trees:.2f} times "
            f"as fast; gradients differ by at most {worst:.1e} of a tensor's largest",
            flush=True,
        )


def _examples(documents: int, pairs: int) -> PairExamples:
    """Make pairs at every chunk of documents of random tokens, after clean context."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        made = write_pairs(Path(folder) / "pairs", documents=20)
        judge = _task(made, Path(folder) / "out").source.judge  # type: ignore[attr-defined]
    texts = rng.integers(0, 1000, (documents, pairs * CHUNK)).astype(np.int32)
    contexts = [text[: CHUNK * chunk] for text in texts for chunk in range(pairs)]
    chunks = [text[CHUNK * k : CHUNK * (k + 1)] for text in texts for k in range(pairs)]
    worse = [rng.integers(0, 1000, CHUNK).astype(np.int32) for _ in chunks]
    count = len(chunks)
    return PairExamples(
        judge=judge,
        contexts=Lists.joined(contexts),
        chosen=Lists.joined(chunks),
        rejected=Lists.joined(worse),
        real_context=np.ones(count, np.bool_),
        documents=np.repeat(np.arange(documents), pairs),
        places=None,
    )


def _step(model: torch.nn.Module, batches: list[dict]) -> dict[str, torch.Tensor]:
    """Compute the gradients of the mean over batches of one size."""
    model.zero_grad()
    for inputs in batches:
        names = ("input_ids", "attention_mask", "position_ids")
        hidden = model.model(**{name: inputs[name] for name in names if name in inputs})
        rows, columns = inputs["ends"]
        answers = hidden.last_hidden_state[rows, columns] @ model.lm_head.weight[LABELS].T
        (pair_losses(answers.reshape(-1, 2, 2)).mean() / len(batches)).backward()
    return {n: one.grad.clone() for n, one in model.named_parameters() if one.grad is not None}


def _task(pairs: Path, output: Path, steps: int = 1) -> Task:
    config = TrainConfig(
        pairs={"path": str(pairs)},
        output={"path": str(output)},
        judge={"model": str(TINY_JUDGE), "context_tokens": 256},
        train={
            "objective": "pairs",
            "steps": steps,
            "batch_windows": 32 if steps > 1 else 2,
            "schedule": {"learning_rate": 3e-4, "kind": "cosine"},
        },
        workers={"gpus": 0, "cpus": 1},
        checkpoints={"every_steps": steps},
        validation={"every_steps": steps},
        log={"every_steps": steps},
    )
    return TrainingLook(config).task


def plain(documents: int, steps: int) -> None:
    """Compare the job's worker with a plain padded Trainer, on the same pairs, from the same
    start.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_pairs(
            Path(folder) / "pairs",
            documents=documents,
            texts=sorted(one.text for one in evaluation_documents()),
        )
        task = _task(pairs, Path(folder) / "out", steps)
        learnt, held = (task.source.load(split, task.config) for split in (TRAIN, VALIDATION))
        print(f"{len(learnt.lengths)} pairs, {len(held.lengths)} to measure with, {steps} steps")
        print(f"before: accuracy {_accuracy(_model(), held):.4f}")
        began = time.process_time()
        model = _plain_loop(task, learnt, Path(folder) / "plain", steps)
        print(f"plain loop: {time.process_time() - began:.1f} s CPU, {_accuracy(model, held):.4f}")
        began = time.process_time()
        train(task)
        seconds = time.process_time() - began
        print(f"the job's worker: {seconds:.1f} s CPU, checkpoint and validation included")
        print((Path(folder) / "out" / "metrics.jsonl").read_text().splitlines()[-1])


def _model() -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(TINY_JUDGE, dtype=torch.float32)


def _plain_loop(task: Task, learnt: TrainingExamples, output: Path, steps: int) -> torch.nn.Module:
    """Train as a user would by hand: shuffled pairs, padded, with the whole head's logits."""

    class Plain(Trainer):
        def compute_loss(self, model: torch.nn.Module, inputs: dict, **_: object) -> torch.Tensor:
            rows, columns = inputs["ends"]
            logits = model(inputs["input_ids"]).logits[rows, columns]
            return pair_losses(logits[:, LABELS].reshape(-1, 2, 2)).mean()

    schedule = task.config.train.schedule
    arguments = TrainingArguments(
        str(output), max_steps=steps, per_device_train_batch_size=16, use_cpu=True, seed=0,
        learning_rate=schedule.learning_rate, lr_scheduler_type="cosine", report_to=[],
        save_strategy="no", logging_steps=steps, disable_tqdm=True, remove_unused_columns=False,
    )  # fmt: skip
    trainer = Plain(
        model=_model(),
        args=arguments,
        train_dataset=list(range(len(learnt.lengths))),
        data_collator=lambda numbers: learnt.batch(numbers, packed=False, targets=False),
    )
    trainer.train()
    return trainer.model


def _accuracy(model: torch.nn.Module, held: TrainingExamples) -> float:
    right = 0
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(held.lengths), 16):
            numbers = list(range(start, min(start + 16, len(held.lengths))))
            inputs = held.batch(numbers, packed=False, targets=False)
            rows, columns = inputs["ends"]
            logits = model(inputs["input_ids"]).logits[rows, columns][:, LABELS]
            ratios = (logits[:, 0] - logits[:, 1]).reshape(-1, 2)
            right += int((ratios[:, 0] > ratios[:, 1]).sum())
    return right / len(held.lengths)


def main() -> None:
    """Parse the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["packing", "plain"])
    parser.add_argument("--documents", type=int, default=None)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.what == "packing":
        packing(arguments.documents or 2, arguments.repeats)
    else:
        plain(arguments.documents or 800, arguments.steps)


if __name__ == "__main__":
    main()
