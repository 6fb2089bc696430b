"""Makes one number of a classifier's logits. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from rm_ray.engines.engine import Numbers
from rm_ray.errors import JudgeError

Kind = Literal["identity", "index", "softmax", "sigmoid", "weights"]


@dataclass(frozen=True)
class Reduction:
    """A Reduction makes a reward of the logits of one prompt."""

    kind: Kind = "identity"
    """How logits become the reward."""
    label: int = 0
    """The number of the label that counts, for the kinds identity, index and softmax."""
    weights: tuple[float, ...] = ()
    """A weight per label, for the kind weights, [labels]."""

    @classmethod
    def of(cls, said: str, weights: Sequence[float], labels: int) -> "Reduction":
        """Make the reduction that a configuration asks for.

        Args:
            said: the key judge.reduction, for example softmax:1.
            weights: the key judge.weights.
            labels: how many labels the model has.

        Raises:
            JudgeError: the reduction does not fit the number of labels.
        """
        kind, _, label = said.partition(":")
        reduction = cls(cast(Kind, kind), int(label or 0), tuple(weights))
        if kind == "identity" and labels != 1:
            raise JudgeError(
                f"judge.reduction is identity, and the model has {labels} labels; say how they "
                "become one reward: index:I, softmax:I, sigmoid or weights"
            )
        if kind in ("index", "softmax") and reduction.label >= labels:
            raise JudgeError(
                f"judge.reduction is {said}, and the model's {labels} labels are numbered from 0"
            )
        if kind == "softmax" and labels == 1:
            raise JudgeError(
                "judge.reduction is softmax:0, and the model has one label: every reward would be 1"
            )
        if kind == "weights" and len(weights) != labels:
            raise JudgeError(
                f"judge.weights has {len(weights)} weights, and the model has {labels} labels"
            )
        return reduction

    def __call__(self, logits: Numbers) -> float:
        """Return the reward of one prompt, computed in float64."""
        values = logits.astype(np.float64)
        match self.kind:
            case "softmax":
                powers = np.exp(values - values.max())
                return float(powers[self.label] / powers.sum())
            case "sigmoid":
                return float(np.mean(np.exp(-np.logaddexp(0, -values))))
            case "weights":
                with np.errstate(over="ignore"):  # the verdict reports a reward that is not finite
                    return float(values @ np.asarray(self.weights))
        return float(values[self.label])
