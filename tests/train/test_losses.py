import math

import pytest
import torch

from rm_ray.train.losses import answer_losses, language_loss, margins, pair_losses, reward_losses

# Two pairs: log ratios 2 and -1, then 0 and 3.
LOGITS = torch.tensor([[[3.0, 1.0], [0.0, 1.0]], [[5.0, 5.0], [4.0, 1.0]]])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_known_answers():
    assert margins(LOGITS).tolist() == [3, -3]
    assert pair_losses(LOGITS).tolist() == pytest.approx(
        [-math.log(sigmoid(3)), -math.log(sigmoid(-3))]
    )
    wanted = [
        -(math.log(sigmoid(2)) + math.log(sigmoid(1))) / 2,
        -(math.log(sigmoid(0)) + math.log(sigmoid(-3))) / 2,
    ]
    assert answer_losses(LOGITS).tolist() == pytest.approx(wanted)
    assert reward_losses(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])).tolist() == [4, 0]


def test_answer_losses_are_the_cross_entropy_of_the_labels():
    answers = torch.tensor([0, 1, 0, 1])
    found = torch.nn.functional.cross_entropy(LOGITS.reshape(4, 2), answers)
    assert float(answer_losses(LOGITS).mean()) == pytest.approx(float(found))


def test_only_targets_are_foretold():
    logits = torch.zeros(1, 4, 8)
    logits[0, 1, 5] = 3.0
    targets = torch.tensor([[-100, -100, 5, -100]])
    wanted = -math.log(math.exp(3) / (math.exp(3) + 7))
    assert float(language_loss(logits, targets)) == pytest.approx(wanted)
    assert float(language_loss(logits, torch.full((1, 4), -100))) == 0
