"""The model that learns, built the same way for training and for writing the judge."""

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    set_seed,
)

from rm_ray.engines.weights import place_model
from rm_ray.errors import JudgeError, short
from rm_ray.train.config import TrainingConfig
from rm_ray.train.heads import cut_head, head_where_asked
from rm_ray.train.task import Shape


def build(shape: Shape, training: TrainingConfig, *, frozen_dtype: torch.dtype) -> Any:
    """Build the model in float32; cut the head down and add adapters as configured.

    Args:
        frozen_dtype: the type of the weights that adapters leave unchanged.

    Raises:
        JudgeError: the model cannot be loaded.
    """
    adapted = training.lora.rank is not None
    dtype = frozen_dtype if adapted else torch.float32
    model = _load(shape, training, dtype)
    if shape.whole_head:
        head_where_asked(model)
    elif shape.labels:
        cut_head(model, shape.labels)
    if not adapted:
        return model
    return with_adapters(model, training)


def _load(shape: Shape, training: TrainingConfig, dtype: torch.dtype) -> Any:
    kind = AutoModelForCausalLM if shape.labels else AutoModelForSequenceClassification
    label_count = {} if shape.labels else {"num_labels": 1}
    attention = training.attention
    if training.from_scratch:
        config = AutoConfig.for_model(**{**shape.start.config, **label_count, "use_cache": False})
        set_seed(training.seed)
        return kind.from_config(config, dtype=torch.float32, attn_implementation=attention)
    assert shape.start.model is not None, "only a shape was resolved"
    placed = place_model(shape.start.model, shape.start.weights_folder)
    try:
        model = kind.from_pretrained(
            placed.name,
            revision=placed.revision,
            dtype=dtype,
            attn_implementation=attention,
            use_safetensors=True,
            **label_count,
        )
    except (OSError, ValueError, ImportError) as error:
        raise JudgeError(f"judge.model: cannot load {placed.name}: {short(error)}") from None
    model.config.use_cache = False
    return model


def with_adapters(model: Any, training: TrainingConfig) -> Any:
    """Return the model with adapters that learn, as its head does; all else is frozen."""
    from peft import LoraConfig, TaskType, get_peft_model

    head = next(name for name, part in model.named_modules() if part is _head_of(model))
    lora = training.lora
    set_seed(training.seed)
    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.targets or "all-linear",
            modules_to_save=[head],
        ),
    )


def _head_of(model: Any) -> Any:
    """Return the module that gives the answer: a language model's head, or a classifier's."""
    head = model.get_output_embeddings()
    return head if head is not None else getattr(model, "score", None) or model.classifier
