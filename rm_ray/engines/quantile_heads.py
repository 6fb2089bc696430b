"""Computes QRM's heads in float32, as the published code of nicolinho/QRM-Llama3.1-8B does.

With h the hidden state of the last token and k the hidden state at the start of the assistant's
header:

    r = regression_layer(h)                       [attributes, quantiles]
    g = softmax(gating(k) / temperature) * logit_scale         [attributes]
    M = reward_transform_matrix                   [attributes, attributes]
    attributes = (mean of r over its quantiles) M
    score      = sum of g * attributes
    quantile q = sum over attributes of g * (r[:, q] M)

So the mean of the quantiles is the score.
"""

from typing import Any

import torch
from torch import nn

from rm_ray.engines.read_outs import QuantileHeads


class Gating(nn.Module):  # type: ignore[misc]
    """Gating weighs the attributes.

    It has `gate_layers` blocks (a linear layer without bias, ReLU, batch norm), and then a linear
    layer with bias.
    """

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
        """Return the attributes' weights, [rows, attributes], for hidden states [rows, hidden]."""
        for layer in self.layers:
            hidden = layer(hidden)
        return torch.softmax(hidden / self.temperature, dim=1) * self.logit_scale


def add_heads(model: Any, hidden: int, heads: QuantileHeads) -> None:
    """Give a module the heads' parameters, under the names that the checkpoint uses."""
    model.regression_layer = nn.Linear(
        hidden, heads.attributes * heads.quantiles, bias=False, dtype=torch.float32
    )
    model.reward_transform_matrix = nn.Parameter(torch.eye(heads.attributes, dtype=torch.float32))
    model.gating = Gating(hidden, heads)


def numbers(
    model: Any, heads: QuantileHeads, last: torch.Tensor, gate: torch.Tensor
) -> torch.Tensor:
    """Return quantiles, attributes and the score of each row, float32 [rows, heads.numbers].

    Args:
        model: has the heads' parameters.
        heads: sizes of the heads.
        last: hidden states of the last tokens, [rows, hidden].
        gate: hidden states of the header's first tokens, [rows, hidden].
    """
    r = model.regression_layer(last.float()).view(-1, heads.attributes, heads.quantiles)
    weights = model.gating(gate.float())
    moved = torch.einsum("naq,ab->nbq", r, model.reward_transform_matrix)
    attributes = moved.mean(dim=2)
    quantiles = torch.einsum("nb,nbq->nq", weights, moved)
    score = (weights * attributes).sum(dim=1, keepdim=True)
    return torch.cat([quantiles, attributes, score], dim=1)
