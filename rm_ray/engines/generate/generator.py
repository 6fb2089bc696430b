"""Engines that write: token ids in, drawn token ids out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.engines.engine import EngineCounts, Prompt

# What a generator has drawn, [tokens].
Drawn = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sampling:
    """How one prompt is gone on with."""

    temperature: float
    """0 takes the likeliest token each time."""
    seed: int
    """The same draws from the same numbers; 63 bits."""
    most: int
    """Tokens at most."""
    stops: bool = False
    """Whether a token that ends a turn ends the answer; if not, it is never drawn, and the answer
    has exactly `most` tokens."""


class Generator(Protocol):
    """Runs one model in this process. Whatever `add` or `step` raises breaks it for good.

    `counts`: since the start.
    """

    counts: EngineCounts

    @property
    def has_room(self) -> bool:
        """Whether another prompt may be added before the next step."""

    def add(self, key: int, prompt: Prompt, sampling: Sampling) -> None:
        """Take a prompt, under a key that none in flight has."""

    def step(self) -> list[tuple[int, Drawn]]:
        """Run some of what is in flight; the keys and tokens of the prompts that are done. The
        token that ended an answer is not among its tokens.
        """
