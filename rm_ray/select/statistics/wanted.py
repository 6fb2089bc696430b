"""The wishes of a selection: the documents to keep, and the limit of wrong ones."""

import math
from dataclasses import dataclass, field

from rm_ray.select.statistics.chain import Cost


@dataclass(frozen=True)
class Wanted:
    """A Wanted says which documents are kept, and how many may be wrong.

    Raises:
        ValueError: a share is not between 0 and 1, or not exactly one rule is given.
    """

    kept: tuple[float, ...] = ()
    """Share of the documents that each group keeps; one number if there is one group."""
    min_reward: float | None = None
    """Documents with at least this reward are kept, instead of a share."""
    max_wrong: float = 0.05
    """Wrong keeps at most, as a share of the kept documents; and as many wrong drops."""
    failure: float = 0.05
    """Probability that there are more."""
    cost: Cost = field(default_factory=Cost)
    """The cost of judging."""

    def __post_init__(self) -> None:
        if (self.min_reward is None) == (not self.kept):
            raise ValueError("give either the share that is kept, or the least reward")
        if self.min_reward is not None and not math.isfinite(self.min_reward):
            raise ValueError(f"the least reward must be finite, and is {self.min_reward}")
        shares = {"the kept share": self.kept, "max_wrong": (self.max_wrong,)}
        for name, values in {**shares, "failure": (self.failure,)}.items():
            for value in values:
                if not 0 < value < 1:
                    raise ValueError(f"{name} must be between 0 and 1, and is {value}")
