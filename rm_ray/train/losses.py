"""The objectives. Pure: label logits in, losses of single windows or pairs out."""

import torch
from torch.nn.functional import cross_entropy, logsigmoid

from rm_ray.train.data.examples import NO_TARGET


def log_ratios(logits: torch.Tensor) -> torch.Tensor:
    """log P(chosen label) - log P(rejected label) [...], of label logits [..., 2]."""
    return logits[..., 0] - logits[..., 1]


def answer_losses(logits: torch.Tensor) -> torch.Tensor:
    """Cross-entropy [pairs] of the two labels: the first window of a pair is the chosen one.

    Args:
        logits: [pairs, 2 windows, 2 labels].
    """
    ratios = log_ratios(logits)
    return -(logsigmoid(ratios[:, 0]) + logsigmoid(-ratios[:, 1])) / 2


def pair_losses(logits: torch.Tensor) -> torch.Tensor:
    """Bradley-Terry [pairs]: -log sigmoid of the difference of both log ratios.

    Args:
        logits: [pairs, 2 windows, 2 labels].
    """
    return -logsigmoid(margins(logits))


def margins(logits: torch.Tensor) -> torch.Tensor:
    """By how much the chosen window's log ratio is above the rejected one's, [pairs]."""
    ratios = log_ratios(logits)
    return ratios[:, 0] - ratios[:, 1]


def reward_losses(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Squared errors [examples]."""
    return (predicted - wanted) ** 2


def predicting_places(targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows and columns at which a language model predicts each target: one token before it.

    Args:
        targets: [rows, tokens], the token ids; -100 where no token is to be predicted.
    """
    rows, columns = (targets[:, 1:] != NO_TARGET).nonzero(as_tuple=True)
    return rows, columns


def asked_places(
    ends: tuple[torch.Tensor, torch.Tensor], targets: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join the places at which a whole head is asked: of the answers, then of the targets.

    Args:
        ends: rows and columns of the answers.
        targets: as `predicting_places`; None where nothing is to be predicted.
    """
    if targets is None:
        return ends
    rows, columns = predicting_places(targets)
    return torch.cat([ends[0], rows]), torch.cat([ends[1], columns])


def language_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the targets; 0 where there is none.

    Args:
        logits: [targets, vocabulary], at `predicting_places`.
        targets: [rows, tokens], as there.
    """
    rows, columns = predicting_places(targets)
    if not len(rows):
        return logits.sum() * 0.0
    return cross_entropy(logits.float(), targets[rows, columns + 1])
