"""The objectives: pure functions from label logits to the losses of windows or pairs."""

import torch
from torch.nn.functional import cross_entropy, logsigmoid

from rm_ray.train.data.examples import NO_TARGET


def log_ratios(logits: torch.Tensor) -> torch.Tensor:
    """Return log P(chosen label) - log P(rejected label) [...], from label logits [..., 2]."""
    return logits[..., 0] - logits[..., 1]


def answer_losses(logits: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy [pairs] of the two labels; the first window of a pair is the chosen
    one.

    Args:
        logits: [pairs, 2 windows, 2 labels].
    """
    ratios = log_ratios(logits)
    return -(logsigmoid(ratios[:, 0]) + logsigmoid(-ratios[:, 1])) / 2


def pair_losses(logits: torch.Tensor) -> torch.Tensor:
    """Return the Bradley-Terry losses [pairs]: -log sigmoid of the difference of the log ratios.

    Args:
        logits: [pairs, 2 windows, 2 labels].
    """
    return -logsigmoid(margins(logits))


def margins(logits: torch.Tensor) -> torch.Tensor:
    """Return the chosen window's log ratio minus the rejected window's, [pairs]."""
    ratios = log_ratios(logits)
    return ratios[:, 0] - ratios[:, 1]


def reward_losses(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the squared errors [examples]."""
    return (predicted - wanted) ** 2


def predicting_places(targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows and columns at which the model predicts each target: one token before it.

    Args:
        targets: [rows, tokens], token ids; -100 for tokens that are no target.
    """
    rows, columns = (targets[:, 1:] != NO_TARGET).nonzero(as_tuple=True)
    return rows, columns


def asked_places(
    ends: tuple[torch.Tensor, torch.Tensor], targets: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the places at which a whole head computes logits: the answers, then the targets.

    Args:
        ends: rows and columns of the answers.
        targets: as in `predicting_places`; None without next-token prediction.
    """
    if targets is None:
        return ends
    rows, columns = predicting_places(targets)
    return torch.cat([ends[0], rows]), torch.cat([ends[1], columns])


def language_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of each target, [targets].

    Args:
        logits: [targets, vocabulary], at `predicting_places`.
        targets: [rows, tokens], as in `predicting_places`.
    """
    rows, columns = predicting_places(targets)
    return cross_entropy(logits.float(), targets[rows, columns + 1], reduction="none")
