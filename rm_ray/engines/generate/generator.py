"""Defines engines that write: they take token ids, and return drawn token ids."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.engines.engine import EngineCounts, Prompt

# The token ids that a generator has drawn: int32 [tokens].
Drawn = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sampling:
    """Sampling says how the tokens after one prompt are drawn."""

    temperature: float
    """Temperature of the draws; 0 takes the likeliest token each time."""
    seed: int
    """Seed of the draws, 63 bits: the same seed and logits give the same tokens."""
    most: int
    """Most tokens of the answer."""
    stops: bool = False
    """True if a token that ends a turn ends the answer; if False, no such token is ever drawn, and
    the answer has exactly `most` tokens."""


class Generator(Protocol):
    """Runs one model in this process. An exception in `add` or `step` breaks it for good."""

    counts: EngineCounts
    """The work since the start."""

    @property
    def has_room(self) -> bool:
        """Return True if another prompt may be added before the next step."""

    def add(self, key: int, prompt: Prompt, sampling: Sampling) -> None:
        """Take a prompt under a key that no prompt in flight has."""

    def step(self) -> list[tuple[int, Drawn]]:
        """Run some of the prompts in flight, and return the key and tokens of each answer.

        The token that ended an answer is not among its tokens.
        """
