"""Write the judge: the trained weights as one model, in the format of the released judge."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from rm_ray.engines.weights import local_folder
from rm_ray.judges.tokens import FILES
from rm_ray.train.checkpoints import Checkpoint, Checkpoints, put_folder, remove_folder
from rm_ray.train.heads import check_head, widen_head
from rm_ray.train.loop import quieten
from rm_ray.train.model import build
from rm_ray.train.start import TrainingStart
from rm_ray.train.task import Task

JUDGE = "judge"
# Files that a tokenizer may have besides its main file (one of FILES).
_BESIDE = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("merges.txt", "chat_template.jinja", "chat_template.json"),
)


def export(task: Task, found: Checkpoint) -> None:
    """Write the judge of a checkpoint into the output's folder `judge`.

    Adapters are merged in float32, and the result is cast. A head that was tied to the embedding
    becomes a tensor of its own.

    Raises:
        OSError: the store failed.
    """
    quieten()
    with tempfile.TemporaryDirectory(prefix="rm_ray-export-") as scratch:
        checkpoints = Checkpoints(task.output, task.config.checkpoints.keep)
        folder = checkpoints.fetch(found, Path(scratch))
        written = Path(scratch) / JUDGE
        write_model(task, folder, written, task.source.scale[1])
        copy_tokenizer(task.shape.start, written)
        place = task.output / JUDGE
        remove_folder(place)
        put_folder(written, place)


def write_model(task: Task, folder: Path, into: Path, scale: float = 1.0) -> None:
    """Write the model of a checkpoint's folder, in the precision of its training.

    Args:
        scale: factor on the rewards of a classifier.
    """
    config, shape = task.config, task.shape
    model = build(shape, config.train, frozen_dtype=torch.float32)
    load_weights(model, folder, adapted=config.train.lora.rank is not None)
    if config.train.lora.rank is not None:
        model = model.merge_and_unload()
    if shape.labels:
        vocabulary = int(model.config.get_text_config().vocab_size)
        vocabulary = max(vocabulary, model.get_input_embeddings().weight.shape[0])
        widen_head(model, shape.labels, vocabulary)
        check_head(model.get_output_embeddings().weight, shape.labels)
    elif scale != 1.0:
        with torch.no_grad():
            for parameter in last_layer(model).parameters():
                parameter.mul_(scale)
    model = model.to(getattr(torch, config.train.precision))
    model.config.use_cache = True
    model.config.dtype = config.train.precision
    kind = AutoModelForCausalLM if shape.labels else AutoModelForSequenceClassification
    model.config.architectures = [kind._model_mapping[type(model.config)].__name__]
    model.save_pretrained(into)
    _check_written(into, shape.labels)


def load_weights(model: Any, folder: Path, *, adapted: bool) -> None:
    """Load a checkpoint's weights into a model of the same shape, and assert that all of them
    fit.
    """
    if adapted:
        from peft import load_peft_weights, set_peft_model_state_dict

        loaded = set_peft_model_state_dict(model, load_peft_weights(str(folder), device="cpu"))
        assert not loaded.unexpected_keys, f"{folder} has weights for {loaded.unexpected_keys[:4]}"
        return
    weights: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            weights |= {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    missing, unexpected = model.load_state_dict(weights, strict=False)
    # a head that is tied to the embedding is stored only as the embedding
    tied = set(getattr(model, "all_tied_weights_keys", None) or {})
    assert not unexpected and set(missing) <= tied, f"{folder}: {missing[:4]} {unexpected[:4]}"


def last_layer(model: Any) -> Any:
    """Return the linear layer that gives a sequence classifier's rewards. The heads of RoBERTa and
    Electra have another layer before it.
    """
    head = model.score if hasattr(model, "score") else model.classifier
    return getattr(head, "out_proj", head)


def _check_written(folder: Path, labels: tuple[int, ...]) -> None:
    """Assert that the written head is not tied, and that it is zero in all rows but the labels'."""
    stored = json.loads((folder / "config.json").read_text())
    if not labels:
        return
    configs = [stored, stored.get("text_config") or {}]
    assert not any(config.get("tie_word_embeddings") for config in configs), (
        "the head is still tied"
    )
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                if name.endswith(("lm_head.weight", "embed_out.weight")):
                    check_head(tensors.get_tensor(name), labels)


def copy_tokenizer(start: TrainingStart, into: Path) -> None:
    """Copy the tokenizer's files unchanged."""
    folder = local_folder(start.tokenizer)
    if folder is None:
        from huggingface_hub import snapshot_download

        names = [*FILES, *_BESIDE]
        folder = Path(
            snapshot_download(start.tokenizer, revision=start.revision, allow_patterns=names)
        )
    for name in (*FILES, *_BESIDE):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, into / name)
