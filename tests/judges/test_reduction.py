"""Logits to one number, by hand."""

import math

import numpy as np
import pytest

from rm_ray.errors import JudgeError
from rm_ray.judges.reduction import Reduction


@pytest.mark.parametrize(
    ("said", "weights", "logits", "reward"),
    [
        ("identity", [], [-1.5], -1.5),
        ("identity", [], [6.25], 6.25),
        ("index:1", [], [1.0, 2.0, 3.0], 2.0),
        ("softmax:1", [], [0.0, math.log(3)], 0.75),
        ("softmax:0", [], [1000.0, 0.0], 1.0),
        ("sigmoid", [], [0.0, math.log(3)], (0.5 + 0.75) / 2),
        ("sigmoid", [], [-1000.0], 0.0),
        ("weights", [1.0, -2.0], [3.0, 0.5], 2.0),
    ],
)
def test_reductions_by_hand(said, weights, logits, reward):
    reduction = Reduction.of(said, weights, len(logits))
    assert reduction(np.float32(logits)) == pytest.approx(reward, abs=1e-7)


@pytest.mark.parametrize(
    ("said", "weights", "labels", "message"),
    [
        ("identity", [], 2, "has 2 labels; say how they become one reward"),
        ("index:2", [], 2, "the model's 2 labels are numbered from 0"),
        ("softmax:0", [], 1, "has one label: every reward"),
        ("weights", [1.0], 2, "judge.weights has 1 weights, and the model has 2 labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(said, weights, labels, message):
    with pytest.raises(JudgeError, match=message):
        Reduction.of(said, weights, labels)
