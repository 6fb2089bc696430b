"""The head of a judge during training, and in the written model.

A preference judge's head is read at two tokens only. Unless the language is learnt too, the head is
cut down to these two rows, in float32 as the engines run it. This leaves less to learn and to
store, and separates a tied head from the embedding from the beginning.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn


class LabelHead(nn.Linear):  # type: ignore[misc]
    """A head that gives the logits of the labels only, in float32 whatever the model's
    precision is.
    """

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the labels' logits [..., 2]."""
        with torch.autocast(hidden.device.type, enabled=False):
            bias = None if self.bias is None else self.bias.float()
            return nn.functional.linear(hidden.float(), self.weight.float(), bias)


def cut_head(model: Any, labels: Sequence[int]) -> None:
    """Cut the head of a language model down to the rows of the labels."""
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
    """Make a whole head compute logits only at `model.asked.places`, a pair of rows and columns.

    Logits over the whole vocabulary for each token are most of the computation of a small model,
    and most tokens need none. The model's `logits` then are [places, vocabulary], in the order of
    places.
    """
    asked = SimpleNamespace(places=None)
    head = model.get_output_embeddings()
    head.register_forward_pre_hook(lambda _, given: (given[0][asked.places],))
    model.asked = asked


def untie(model: Any) -> None:
    """Untie the head from the embedding, also in the configuration: transformers ties by it
    again.
    """
    configs = (model.config, model.config.get_text_config())
    for config in {id(config): config for config in configs}.values():
        config.tie_word_embeddings = False
    model._tied_weights_keys = {}
    if hasattr(model, "all_tied_weights_keys"):
        model.all_tied_weights_keys = {}


def widen_head(model: Any, labels: Sequence[int], vocabulary: int) -> None:
    """Give the head one row per token of the vocabulary again, zero in all rows but the labels'.

    A head that was never cut loses its other rows. A head that is the embedding is copied first.
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
    """Assert that a head is zero in all rows but the labels'.

    Raises:
        AssertionError: another row has values; this is a defect of rm_ray.
    """
    filled = set(weight.abs().amax(dim=1).nonzero().flatten().tolist())
    assert filled <= set(labels), f"the head has rows of {sorted(filled)[:8]}, not only {labels}"
