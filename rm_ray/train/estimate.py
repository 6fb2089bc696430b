"""What training would take, before it begins: steps, tokens, memory of a worker, hours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rm_ray.pairs.table import TRAIN
from rm_ray.run.output.folder import RunFolder
from rm_ray.train.checkpoints import Checkpoints
from rm_ray.train.config import TrainConfig
from rm_ray.train.data.order import batches
from rm_ray.train.job import Look

# Bytes of one number.
FLOAT32, BFLOAT16 = 4, 2
# Numbers that a layer keeps for each token and hidden dimension, to go back through it: its inputs,
# what attention and the gated feed-forward network hold (three times as wide, or so).
KEPT_A_LAYER = 24
# With gradient checkpointing, a layer keeps its input alone, and one layer at a time all of it.
KEPT_CHECKPOINTED = 1


@dataclass(frozen=True)
class Tokens:
    """Tokens of one epoch's batches."""

    windows: int
    packed: int
    longest_batch: int
    """Tokens that a worker holds at once at most."""


def dry_run(config: TrainConfig) -> str:
    """What `train_judge` would do, as text; nothing is written."""
    look = Look(config)
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
    return "\n".join(f"{name:{width}}{said}" for name, said in lines)


def tokens_of(
    lengths: np.ndarray[Any, Any],
    documents: np.ndarray[Any, Any],
    config: TrainConfig,
    *,
    around: int,
    steps: int,
) -> Tokens:
    """Count the tokens of all steps, as windows and packed.

    Packed, a document's context is counted once in each worker's share of a batch; contexts that
    are broken, which are trunks of their own, are not told apart.

    Args:
        around: tokens of a window besides its context: the chunk, the markers, the BOS.
    """
    order = batches(
        lengths, documents, size=config.pairs_a_step, steps=steps, seed=config.train.seed,
        packed=config.packed,
    ).reshape(-1, config.pairs_at_once)  # fmt: skip
    each = config.windows_each
    windows = packed = longest = 0
    for share in order:
        long = lengths[share]
        mine = int(each * (long + around).sum())
        trunks: dict[int, int] = {}
        for number, length in zip(share.tolist(), long.tolist(), strict=True):
            document = int(documents[number])
            trunks[document] = max(trunks.get(document, 0), length)
        shared = sum(trunks.values()) + each * around * len(share)
        windows, packed = windows + mine, packed + shared
        longest = max(longest, shared if config.packed else mine)
    return Tokens(windows, packed, longest)


def memory(
    parameters: int, learning: int, config: TrainConfig, shape: Mapping[str, Any], tokens: int
) -> dict[str, float]:
    """Bytes of a worker by what they are for; the formula stands in the page.

    Args:
        parameters: of the model; `learning`: those that learn.
        tokens: that a worker holds at once.
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


def count_parameters(config: Mapping[str, Any], *, labels: bool, cut: bool) -> tuple[int, int]:
    """Parameters of a model of this shape, and those in its linear layers' inputs and outputs.

    Args:
        labels: it is a language model that is read at labels; `cut`: its head has only these.

    Returns:
        All of them, and for LoRA the sum of both sides of each linear layer, times a rank.
    """
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
    )

    kind = AutoModelForCausalLM if labels else AutoModelForSequenceClassification
    with torch.device("meta"):
        model = kind.from_config(AutoConfig.for_model(**config))
    head = model.get_output_embeddings() if labels else None
    if cut and head is not None:
        model.set_output_embeddings(torch.nn.Linear(head.in_features, 2, bias=False, device="meta"))
        head = model.get_output_embeddings()
    linear = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    sides = sum(one.in_features + one.out_features for one in linear if one is not head)
    return sum(one.numel() for one in model.parameters()), sides


def _say_memory(look: Look, tokens: Tokens) -> str:
    config = look.config
    cut = config.train.language_weight == 0
    parameters, sides = count_parameters(look.start.config, labels=bool(look.labels), cut=cut)
    rank = config.train.lora.rank
    learning = rank * sides if rank else parameters
    shape = look.start.config.get("text_config") or look.start.config
    parts = memory(parameters, learning, config, shape, tokens.longest_batch)
    said = " + ".join(f"{name} {_gigabytes(size)}" for name, size in parts.items())
    kept = "1 a layer and 24 once" if config.train.gradient_checkpointing else "24 a layer"
    return (
        f"about {_gigabytes(sum(parts.values()))}: {said} ({parameters:,} parameters, {learning:,} "
        f"of them learn: 4 bytes of weight, 4 of gradient, 8 of Adam each; "
        f"activations: {tokens.longest_batch:,} tokens x hidden size x {kept})"
    )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB"


def _say_hours(config: TrainConfig, run: RunFolder, tokens: Tokens, steps: int, done: int) -> str:
    speed = config.estimate.tokens_per_s or _measured(run)
    if not speed:
        return (
            "unknown: give --estimate.tokens_per_s, the tokens that one worker learns from in a "
            "second (a run says it in its log and in metrics.jsonl)"
        )
    whole = tokens.packed if config.packed else tokens.windows
    left = whole * (steps - done) / steps
    hours = left / speed / 3600
    what = "GPU hours" if config.workers.gpus else "hours of a worker"
    money = config.cost.per_gpu_hour
    cost = f", ${hours * money:,.2f}" if money is not None else ""
    return (
        f"{hours:.2f} {what}{cost}; {hours / config.workers.count:.2f} hours with "
        f"{config.workers.count} workers, at {speed:,.0f} tokens/s each"
    )


def _measured(run: RunFolder) -> float | None:
    """The last speed of one worker that this run has measured."""
    stored = (run.root.read("metrics.jsonl") or b"").decode().splitlines()
    speeds = [one["tokens_per_s"] for one in map(json.loads, stored) if "tokens_per_s" in one]
    workers = (run.stored() or {}).get("config", {}).get("workers", {}).get("count", 1)
    return float(speeds[-1]) / workers if speeds else None


def _done(run: RunFolder, config: TrainConfig) -> int:
    found = Checkpoints(run.root, config.checkpoints.keep).listed()
    return found[-1].step if found else 0


def _say_examples(look: Look) -> str:
    said: Sequence[str] = [
        f"{sum(kinds.values()):,} {split} ({', '.join(f'{n} {c:,}' for n, c in kinds.items())})"
        for split, kinds in look.source.counts.items()
    ]
    return "; ".join(said)
