"""Estimate a training run before it begins: steps, tokens, memory of a worker, and hours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rm_ray.engines.config_parts import text_part
from rm_ray.pairs.table import TRAIN
from rm_ray.run.output.folder import RunFolder
from rm_ray.train.checkpoints import Checkpoints
from rm_ray.train.config import TrainConfig, TrainingConfig
from rm_ray.train.data.order import batches
from rm_ray.train.job import TrainingLook

# Bytes per number.
FLOAT32, BFLOAT16 = 4, 2
# Numbers that a layer keeps per token and hidden dimension for the backward pass: its inputs, and
# the activations of attention and of the gated feed-forward network (about three times as wide).
KEPT_A_LAYER = 24
# With gradient checkpointing, each layer keeps only its input, and one layer at a time everything.
KEPT_CHECKPOINTED = 1


@dataclass(frozen=True)
class Tokens:
    """The numbers of tokens of a whole training."""

    windows: int
    """Tokens of all steps, if each window is a sequence of its own."""
    packed: int
    """Tokens of all steps, if windows that share their context are packed."""
    longest_batch: int
    """Maximum number of tokens that a worker holds at once."""


def dry_run(config: TrainConfig) -> str:
    """Return the plan of `train_judge` as text. Nothing is written."""
    look = TrainingLook(config)
    examples, steps = look.source.load(TRAIN, config), look.steps
    done = _done(look.run, config)
    tokens = tokens_of(
        examples.lengths, examples.documents, config, around=examples.around, steps=steps
    )
    lines = [
        ("learn from", _say_examples(look)),
        ("steps", f"{steps:,} of {config.train.batch_windows} windows, {done:,} done"),
        (
            "tokens",
            f"{tokens.windows:,} in windows, {tokens.packed:,} packed; "
            f"{'packed' if config.packed else 'windows'} are used",
        ),
        ("memory of a worker", _say_memory(look, tokens)),
        ("hours", _say_hours(config, look.run, tokens, steps, done)),
    ]
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:{width}}{value}" for name, value in lines)


def tokens_of(
    lengths: np.ndarray[Any, Any],
    documents: np.ndarray[Any, Any],
    config: TrainConfig,
    *,
    around: int,
    steps: int,
) -> Tokens:
    """Count the tokens of all steps, as windows and packed.

    Packed, a document's context is counted once per worker's share of a batch. The count does not
    treat broken contexts separately, although each of them is packed as a trunk of its own.

    Args:
        around: tokens of a window besides its context: the chunk, the markers and the BOS.
    """
    order = batches(
        lengths, documents, size=config.pairs_a_step, steps=steps, seed=config.train.seed,
        packed=config.packed,
    ).reshape(-1, config.pairs_at_once)  # fmt: skip
    each = config.windows_each
    windows = packed = longest = 0
    for share in order:
        contexts = lengths[share]
        unpacked = int(each * (contexts + around).sum())
        trunks: dict[int, int] = {}
        for number, length in zip(share.tolist(), contexts.tolist(), strict=True):
            document = int(documents[number])
            trunks[document] = max(trunks.get(document, 0), length)
        shared = sum(trunks.values()) + each * around * len(share)
        windows, packed = windows + unpacked, packed + shared
        longest = max(longest, shared if config.packed else unpacked)
    return Tokens(windows, packed, longest)


def memory(
    parameters: int, learning: int, config: TrainConfig, shape: Mapping[str, Any], tokens: int
) -> dict[str, float]:
    """Return the bytes of memory of a worker, by purpose. The documentation explains the formula.

    Args:
        parameters: number of parameters of the model.
        learning: number of parameters that are trained.
        shape: the language model's part of config.json.
        tokens: number of tokens that a worker holds at once.
    """
    train = config.train
    half = train.precision == "bfloat16"
    frozen = BFLOAT16 if half else FLOAT32
    shards = config.workers.count if train.sharded else 1
    weights = learning * FLOAT32 + (parameters - learning) * frozen
    layers, hidden = int(shape.get("num_hidden_layers", 1)), int(shape.get("hidden_size", 1))
    number = BFLOAT16 if half else FLOAT32
    kept = layers * KEPT_CHECKPOINTED + KEPT_A_LAYER if train.gradient_checkpointing else (
        layers * KEPT_A_LAYER)  # fmt: skip
    logits = tokens * int(shape.get("vocab_size", 0)) * FLOAT32 * 2 if train.language_weight else 0
    return {
        "weights": weights / shards,
        "gradients": learning * FLOAT32 / shards,
        "optimizer": learning * 2 * FLOAT32 / shards,
        "activations": tokens * hidden * number * kept + logits,
    }


def count_parameters(
    config: Mapping[str, Any], training: TrainingConfig, *, labels: bool
) -> tuple[int, int]:
    """Count the parameters of a model of this shape as the training builds it.

    Args:
        config: the content of config.json.
        training: the settings of the training.
        labels: the model is a language model that is read at labels.

    Returns:
        The number of the model's own parameters, and of those that learn: all of them, or the
            adapters and the head.
    """
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
    )

    from rm_ray.train.model import with_adapters

    kind = AutoModelForCausalLM if labels else AutoModelForSequenceClassification
    with torch.device("meta"):
        model = kind.from_config(AutoConfig.for_model(**config))
        if labels and not training.language_weight:
            width = model.get_output_embeddings().in_features
            model.set_output_embeddings(torch.nn.Linear(width, 2, bias=False))
        own = sum(weights.numel() for weights in model.parameters())
        if training.lora.rank is None:
            return own, own
        adapted = with_adapters(model, training)
    return own, sum(w.numel() for w in adapted.parameters() if w.requires_grad)


def _say_memory(look: TrainingLook, tokens: Tokens) -> str:
    config = look.config
    parameters, learning = count_parameters(
        look.start.config, config.train, labels=bool(look.labels)
    )
    shape = text_part(look.start.config)
    parts = memory(parameters, learning, config, shape, tokens.longest_batch)
    summed = " + ".join(f"{name} {_gigabytes(size)}" for name, size in parts.items())
    kept = "1 per layer and 24 once" if config.train.gradient_checkpointing else "24 per layer"
    return (
        f"about {_gigabytes(sum(parts.values()))}: {summed} ({parameters:,} parameters, "
        f"{learning:,} of them trained: 4 bytes of weight, 4 of gradient, 8 of Adam each; "
        f"activations: {tokens.longest_batch:,} tokens x hidden size x {kept})"
    )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB"


def _say_hours(config: TrainConfig, run: RunFolder, tokens: Tokens, steps: int, done: int) -> str:
    speed = config.estimate.tokens_per_s or _measured(run)
    if not speed:
        return (
            "unknown: give --estimate.tokens_per_s, the tokens per second of one worker "
            "(a run reports the speed in its log and in metrics.jsonl)"
        )
    whole = tokens.packed if config.packed else tokens.windows
    left = whole * (steps - done) / steps
    hours = left / speed / 3600
    unit = "GPU hours" if config.workers.gpus else "hours of a worker"
    money = config.cost.per_gpu_hour
    cost = f", ${hours * money:,.2f}" if money is not None else ""
    return (
        f"{hours:.2f} {unit}{cost}; {hours / config.workers.count:.2f} hours with "
        f"{config.workers.count} workers, at {speed:,.0f} tokens/s each"
    )


def _measured(run: RunFolder) -> float | None:
    """Return the newest speed per worker in the run's metrics.jsonl, tokens per second, or None."""
    stored = (run.root.read("metrics.jsonl") or b"").decode().splitlines()
    lines = [line for line in map(json.loads, stored) if "tokens_per_s" in line]
    first = (run.stored() or {}).get("config", {}).get("workers", {}).get("count", 1)
    # a run may go on with another number of workers
    return float(lines[-1]["tokens_per_s"]) / lines[-1].get("workers", first) if lines else None


def _done(run: RunFolder, config: TrainConfig) -> int:
    listed = Checkpoints(run.root, config.checkpoints.keep).listed()
    return listed[-1].step if listed else 0


def _say_examples(look: TrainingLook) -> str:
    counts: Sequence[str] = [
        f"{sum(kinds.values()):,} {split} ({', '.join(f'{n} {c:,}' for n, c in kinds.items())})"
        for split, kinds in look.source.counts.items()
    ]
    return "; ".join(counts)
