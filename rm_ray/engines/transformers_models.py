"""Loads models of transformers, and reads the numbers of a read-out from each kind of model.

A reader takes token ids [rows, longest], padded on the right with zeros, and the rows' lengths. It
returns numbers [rows, numbers]. Padding is masked for every kind of model, since a configuration
may make a decoder's attention look both ways. Heads always run in float32.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaModel,
    LlamaPreTrainedModel,
)

from rm_ray.engines.config_parts import parts_of
from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.quantile_heads import add_heads, numbers
from rm_ray.engines.read_outs import ClassLogits, DrawnTokens, LabelLogits, QuantileHeads
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError

Reader = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def load_reader(settings: EngineSettings, device: torch.device) -> Reader:
    """Load the model, and return its reader.

    Raises:
        JudgeError: some of the model's weights are not in the checkpoint.
    """
    match settings.read_out:
        case LabelLogits(token_ids):
            model = _load(AutoModelForCausalLM, settings)
            return _label_reader(model.to(device), token_ids)
        case QuantileHeads() as heads:
            model = _load(_with_heads(heads), settings)
            return _quantile_reader(model.to(device), heads)
        case ClassLogits(own_code=True) as read_out:
            name = "AutoModelForSequenceClassification"
            classifier = name in settings.model.config["auto_map"]
            kind = AutoModelForSequenceClassification if classifier else AutoModel
            return _own_code_reader(_load(kind, settings).to(device), read_out.labels)
        case DrawnTokens():
            raise NotImplementedError("the engine transformers draws no tokens here")
        case ClassLogits() as read_out:
            model = _load(AutoModelForSequenceClassification, settings, torch.float32)
            _round_body(model, getattr(torch, settings.dtype))
            return _class_reader(model.to(device), read_out, settings.model)


def _load(kind: Any, settings: EngineSettings, dtype: torch.dtype | None = None) -> Any:
    model, info = kind.from_pretrained(
        settings.model.name,
        revision=settings.model.revision,
        dtype=dtype or getattr(torch, settings.dtype),
        attn_implementation="eager" if _caps_attention(settings.model.config) else None,
        use_safetensors=True,
        trust_remote_code=settings.model.own_code,
        output_loading_info=True,
    )
    if missing := sorted(info["missing_keys"]):
        raise JudgeError(
            f"judge.model: {settings.model.name} has no weights for {', '.join(missing[:4])}, and "
            "they would be made up at random"
        )
    return model.eval()


def _caps_attention(config: Mapping[str, Any]) -> bool:
    """Return True if attention has a soft cap, as in Gemma 2.

    On all devices, only transformers' `eager` attention applies a soft cap. The default attention
    ignores it silently.
    """
    return any(part.get("attn_logit_softcapping") for part in parts_of(config))


def _label_reader(model: Any, token_ids: tuple[int, ...]) -> Reader:
    """Cut the head down to the labels, and return a reader of their logits.

    The model still applies its scale or soft cap to the logits.
    """
    head = model.get_output_embeddings()
    for name, parameter in list(head.named_parameters()):
        setattr(head, name, nn.Parameter(parameter.detach()[list(token_ids)].float()))
    _take_float32(head)

    def read(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return _last(model(ids, attention_mask=_mask(ids, lengths)).logits, lengths)

    return read


def _round_body(model: Any, dtype: torch.dtype) -> None:
    """Convert a model to another precision, but for its head and pooler.

    Buffers keep their precision: a rotary embedding's rounded frequencies would rotate far
    positions wrongly.
    """
    for name, parameter in model.base_model.named_parameters():
        if not name.startswith("pooler."):
            parameter.data = parameter.data.to(dtype)


def _class_reader(model: Any, read_out: ClassLogits, checkpoint: Model) -> Reader:
    """Return a reader of a classifier's logits. Its head and pooler run in float32.

    Decoders are read at the last token that is not the padding token, as transformers does.
    """
    pad = checkpoint.config.get("pad_token_id")
    body = model.base_model
    if (pooler := getattr(body, "pooler", None)) is not None:
        _take_float32(pooler)
    head = model.score if isinstance(getattr(model, "score", None), nn.Module) else None
    if head is not None:

        def read_last(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            hidden = body(ids, attention_mask=_mask(ids, lengths)).last_hidden_state
            return head(_last(hidden, _read_lengths(ids, lengths, pad)).float())

        return read_last
    for part in model.children():
        if part is not body:
            _take_float32(part)

    def read(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = _mask(ids, lengths)
        inputs = {}
        if read_out.separator is not None:
            ends = ids == read_out.separator
            # the separator itself belongs to the first half
            halves = (torch.cumsum(ends, dim=1) > ends.long()).long()
            inputs["token_type_ids"] = halves if mask is None else halves * mask
        return model(ids, attention_mask=mask, **inputs).logits

    return read


def _take_float32(part: nn.Module) -> None:
    """Convert all inputs of a module to float32."""
    part.register_forward_pre_hook(lambda _, inputs: tuple(tensor.float() for tensor in inputs))


def _own_code_reader(model: Any, labels: int) -> Reader:
    """Return a reader that calls the checkpoint's own forward pass.

    A forward pass that takes `alpha` gets 1.0, and the judge applies its own `alpha` later.
    """
    takes_alpha = "alpha" in inspect.signature(model.forward).parameters
    options = {"alpha": 1.0} if takes_alpha else {}

    def read(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        output = model(input_ids=ids, attention_mask=_places(ids, lengths), **options)
        scores = (
            output if isinstance(output, torch.Tensor) else getattr(output, "logits", output[0])
        )
        if scores.numel() != len(ids) * labels:
            raise JudgeError(
                f"judge.model: its own code gave numbers of the shape {tuple(scores.shape)} for "
                f"{len(ids)} prompts; {labels} each were expected"
            )
        return scores.reshape(len(ids), labels)

    return read


def _quantile_reader(model: Any, heads: QuantileHeads) -> Reader:
    header = torch.tensor(heads.header)

    def read(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        hidden = model.model(ids, attention_mask=_mask(ids, lengths)).last_hidden_state
        gates = _last_starts(ids, header.to(ids.device))
        rows = torch.arange(len(ids), device=ids.device)
        return numbers(model, heads, _last(hidden, lengths), hidden[rows, gates])

    return read


def _last_starts(ids: torch.Tensor, header: torch.Tensor) -> torch.Tensor:
    """Return the position of the last header in each row. The judge sends no row without one."""
    same = (ids.unfold(1, len(header), 1) == header).all(dim=2)
    return same.shape[1] - 1 - same.flip(1).long().argmax(dim=1)


def _with_heads(heads: QuantileHeads) -> type[LlamaPreTrainedModel]:
    class LlamaWithQuantiles(LlamaPreTrainedModel):  # type: ignore[misc]
        _keep_in_fp32_modules_strict = ("regression_layer", "reward_transform_matrix", "gating")

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = LlamaModel(config)
            add_heads(self, config.hidden_size, heads)
            self.post_init()

    return LlamaWithQuantiles


def _last(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


def _read_lengths(ids: torch.Tensor, lengths: torch.Tensor, pad: int | None) -> torch.Tensor:
    """Return each row's length up to the last token that is not `pad`; 1 if all are `pad`."""
    if pad is None:
        return lengths
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    read = (ids != pad) & (places <= lengths[:, None])
    return (places * read).amax(dim=1).clamp(min=1)


def _mask(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor | None:
    """Return the attention mask; None if no row is padded, since no mask is faster."""
    return None if bool((lengths == ids.shape[1]).all()) else _places(ids, lengths)


def _places(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    places = torch.arange(ids.shape[1], device=ids.device)
    return (places < lengths[:, None]).long()
