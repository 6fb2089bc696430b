"""How the logits of a classifier become one number. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from rm_ray.engines.engine import Numbers
from rm_ray.errors import JudgeError

Kind = Literal["identity", "index", "softmax", "sigmoid", "weights"]


@dataclass(frozen=True)
class Reduction:
    """`kind`, and the label that it looks at or the weights of all of them."""

    kind: Kind = "identity"
    label: int = 0
    weights: tuple[float, ...] = ()

    @classmethod
    def of(cls, said: str, weights: Sequence[float], labels: int) -> "Reduction":
        """The reduction that a configuration asks for, of so many labels.

        Raises:
            JudgeError: the model has other labels.
        """
        kind, _, label = said.partition(":")
        found = cls(cast(Kind, kind), int(label or 0), tuple(weights))
        if kind == "identity" and labels != 1:
            raise JudgeError(
                f"judge.reduction is identity, and the model has {labels} labels; say how they "
                "become one reward: index:I, softmax:I, sigmoid or weights"
            )
        if kind in ("index", "softmax") and found.label >= labels:
            raise JudgeError(
                f"judge.reduction is {said}, and the model's {labels} labels are numbered from 0"
            )
        if kind == "softmax" and labels == 1:
            raise JudgeError("judge.reduction is softmax:0, and the model has one label: always 1")
        if kind == "weights" and len(weights) != labels:
            raise JudgeError(
                f"judge.weights has {len(weights)} weights, and the model has {labels} labels"
            )
        return found

    def __call__(self, logits: Numbers) -> float:
        """The reward of one prompt, reckoned in float64."""
        values = logits.astype(np.float64)
        match self.kind:
            case "softmax":
                powers = np.exp(values - values.max())
                return float(powers[self.label] / powers.sum())
            case "sigmoid":
                return float(np.mean(np.exp(-np.logaddexp(0, -values))))
            case "weights":
                with np.errstate(over="ignore"):  # what is not finite is told of by the verdict
                    return float(values @ np.asarray(self.weights))
        return float(values[self.label])
