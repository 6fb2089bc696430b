import math

import pytest
import torch

from rm_ray.train.losses import (
    answer_losses,
    language_losses,
    margins,
    pair_losses,
    predicting_places,
    reward_losses,
)

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


def test_only_targets_are_predicted():
    logits = torch.zeros(2, 4, 8)
    logits[1, 1, 5] = 3.0
    targets = torch.tensor([[-100] * 4, [7, -100, 5, -100]])  # nothing predicts the first token
    places = predicting_places(targets)
    assert [found.tolist() for found in places] == [[1], [1]]
    wanted = -math.log(math.exp(3) / (math.exp(3) + 7))
    assert language_losses(logits[places], targets).tolist() == pytest.approx([wanted])
    nothing = torch.full((1, 4), -100)
    assert float(language_losses(logits[predicting_places(nothing)], nothing).sum()) == 0
