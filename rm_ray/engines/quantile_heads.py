"""QRM's heads, as nicolinho/QRM-Llama3.1-8B's published modelling code computes them, in float32.

With h the hidden state of the last token and k that where the assistant's header begins:

    r = regression_layer(h)                       [attributes, quantiles]
    g = softmax(gating(k) / temperature) * logit_scale         [attributes]
    M = reward_transform_matrix                   [attributes, attributes]
    attributes = (mean of r over its quantiles) M
    score      = sum of g * attributes
    quantile q = sum over attributes of g * (r[:, q] M)

so that the mean of the quantiles is the score.
"""

from typing import Any

import torch
from torch import nn

from rm_ray.engines.read_outs import QuantileHeads


class Gating(nn.Module):  # type: ignore[misc]
    """A linear layer without bias, ReLU and batch norm, so many times; then one with bias."""

    def __init__(self, hidden: int, heads: QuantileHeads) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = hidden
        for _ in range(heads.gate_layers):
            layers += [
                nn.Linear(width, heads.gate_hidden, bias=False, dtype=torch.float32),
                nn.ReLU(),
                nn.BatchNorm1d(heads.gate_hidden, dtype=torch.float32),
            ]
            width = heads.gate_hidden
        layers.append(nn.Linear(width, heads.attributes, dtype=torch.float32))
        self.layers = nn.ModuleList(layers)
        self.logit_scale = nn.Parameter(torch.ones(1, dtype=torch.float32))
        self.temperature = heads.temperature

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Weights of the attributes, [rows, attributes], of hidden states [rows, hidden]."""
        for layer in self.layers:
            hidden = layer(hidden)
        return torch.softmax(hidden / self.temperature, dim=1) * self.logit_scale


def add_heads(model: Any, hidden: int, heads: QuantileHeads) -> None:
    """Give a module the heads' parameters, by the names that the checkpoint has for them."""
    model.regression_layer = nn.Linear(
        hidden, heads.attributes * heads.quantiles, bias=False, dtype=torch.float32
    )
    model.reward_transform_matrix = nn.Parameter(torch.eye(heads.attributes, dtype=torch.float32))
    model.gating = Gating(hidden, heads)


def numbers(
    model: Any, heads: QuantileHeads, last: torch.Tensor, gate: torch.Tensor
) -> torch.Tensor:
    """Quantiles, attributes and the score of each row, [rows, heads.numbers], float32.

    Args:
        model: has the heads' parameters.
        last: hidden states of the last tokens, [rows, hidden].
        gate: those where the header begins, [rows, hidden].
    """
    r = model.regression_layer(last.float()).view(-1, heads.attributes, heads.quantiles)
    weights = model.gating(gate.float())
    moved = torch.einsum("naq,ab->nbq", r, model.reward_transform_matrix)
    attributes = moved.mean(dim=2)
    quantiles = torch.einsum("nb,nbq->nq", weights, moved)
    score = (weights * attributes).sum(dim=1, keepdim=True)
    return torch.cat([quantiles, attributes, score], dim=1)
