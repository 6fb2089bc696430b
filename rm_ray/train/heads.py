"""The head of a judge while it learns, and as it is written.

A preference judge's head is read at two tokens. So where nothing else is asked of it, it is cut
down to these two rows, in float32 as the engines run it: less to learn and to keep, and a head that
was tied to the embedding is its own from the beginning.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn


class LabelHead(nn.Linear):  # type: ignore[misc]
    """Logits of the labels alone, in float32 whatever the model runs in."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The labels' logits [..., 2]."""
        with torch.autocast(hidden.device.type, enabled=False):
            bias = None if self.bias is None else self.bias.float()
            return nn.functional.linear(hidden.float(), self.weight.float(), bias)


def cut_head(model: Any, labels: Sequence[int]) -> None:
    """Leave the head of a language model only the rows of the labels."""
    whole = model.get_output_embeddings()
    has_bias = getattr(whole, "bias", None) is not None
    head = LabelHead(whole.in_features, len(labels), bias=has_bias, dtype=torch.float32)
    with torch.no_grad():
        head.weight.copy_(whole.weight[list(labels)])
        if has_bias:
            head.bias.copy_(whole.bias[list(labels)])
    model.set_output_embeddings(head)
    untie(model)


def head_where_asked(model: Any) -> None:
    """Have a whole head compute logits at `model.asked.places` alone: rows, and columns.

    A vocabulary of logits for each token is most of what a small model computes, and most tokens
    are asked for none. The model's `logits` are [places, vocabulary] then, in the order asked.
    """
    asked = SimpleNamespace(places=None)
    head = model.get_output_embeddings()
    head.register_forward_pre_hook(lambda _, given: (given[0][asked.places],))
    model.asked = asked


def untie(model: Any) -> None:
    """Have the head be its own: transformers ties it again wherever the configuration says so."""
    for config in {id(one): one for one in (model.config, model.config.get_text_config())}.values():
        config.tie_word_embeddings = False
    model._tied_weights_keys = {}
    if hasattr(model, "all_tied_weights_keys"):
        model.all_tied_weights_keys = {}


def widen_head(model: Any, labels: Sequence[int], vocabulary: int) -> None:
    """Give the head a row for each token again, zero but for the labels'.

    A head that was never cut loses its other rows; one that is the embedding is copied first.
    """
    head = model.get_output_embeddings()
    rows = range(len(labels)) if isinstance(head, LabelHead) else list(labels)
    has_bias = getattr(head, "bias", None) is not None
    whole = nn.Linear(head.in_features, vocabulary, bias=has_bias, dtype=torch.float32)
    with torch.no_grad():
        whole.weight.zero_()
        whole.weight[list(labels)] = head.weight.detach()[list(rows)].float()
        if has_bias:
            whole.bias.zero_()
            whole.bias[list(labels)] = head.bias.detach()[list(rows)].float()
    model.set_output_embeddings(whole)
    untie(model)


def check_head(weight: torch.Tensor, labels: Sequence[int]) -> None:
    """Assert that a head is zero but for the labels.

    Raises:
        AssertionError: it is not; a defect of rm_ray.
    """
    filled = set(weight.abs().amax(dim=1).nonzero().flatten().tolist())
    assert filled <= set(labels), f"the head has rows of {sorted(filled)[:8]}, not only {labels}"
