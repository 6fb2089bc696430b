"""The stop rule of rm_ray before 0.10: a t interval on the chunks judged so far.

It stands here to be compared with: its error is not what it says where chunks are skewed, heavy or
dependent.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from rm_ray.judges.preference.chunks import standard_error

ChunkOrder = Literal["front", "spread", "blocks"]
# The order `blocks` goes through a document in stretches of so many chunks ...
BLOCK_CHUNKS = 16
# ... and judges so many chunks of a stretch before it begins the next one.
JUDGED_OF_BLOCK = 8
# At each look, so many times as many chunks are judged, in all, as at the look before.
LOOK_GROWTH = 1.5


@dataclass(frozen=True)
class StopRule:
    """A StopRule stops judging a document once the side of the threshold is clear."""

    threshold: float
    """The reward that divides documents."""
    confidence: float
    """Confidence of the decision, over all looks together."""
    order: ChunkOrder
    """The order in which chunks are judged."""
    least: int
    """Chunks of the first look."""

    def looks(self, chunks: Sequence[int], seed: int) -> list[list[int]]:
        """Cut all chunks into looks; after each look, judging may stop.

        Args:
            chunks: the numbers of the chunks that can be judged.
            seed: for orders that draw at random.
        """
        ordered = in_order(chunks, self.order, seed)
        return [sorted(ordered[a:b]) for a, b in self._cuts(len(ordered))]

    def decides(self, rewards: Sequence[float], chunks: int) -> bool:
        """Return True if the chunk rewards so far make the side of the threshold clear.

        The test is a t interval for the mean of a finite population, drawn without replacement
        (Cochran, Sampling Techniques, 1977, 2.8). It is one-sided, since a decision can be wrong on
        one side only. The test is repeated at each look, so each look gets an equal share of the
        error (Bonferroni). Once every chunk is judged, nothing is left to decide.

        Args:
            rewards: rewards of the chunks judged so far.
            chunks: chunks of the document that can be judged.
        """
        error = standard_error(rewards, chunks)
        looks = len(self._cuts(chunks)) - 1
        if error is None or looks < 1:
            return False
        share = (1 - self.confidence) / looks
        distance = abs(float(np.mean(rewards)) - self.threshold)
        return distance > _t_quantile(1 - share, len(rewards) - 1) * error

    def _cuts(self, chunks: int) -> list[tuple[int, int]]:
        """Return the span of each look, in the order of judging: start and stop."""
        stops = []
        stop = self.least
        while stop < chunks:
            stops.append(stop)
            stop = max(stop + 1, math.ceil(stop * LOOK_GROWTH))
        return list(zip([0, *stops], [*stops, chunks], strict=True))


def in_order(chunks: Sequence[int], order: ChunkOrder, seed: int) -> list[int]:
    """Sort all chunks into the order in which they are judged.

    - front: as they stand in the document. Text after the last judged chunk costs nothing.
    - spread: evenly over the document, at any point of stopping. Soon the whole text is paid for.
    - blocks: some chunks of each stretch, stretch by stretch; then the rest, in random order.

    Args:
        chunks: the chunks' numbers, ascending.
        order: the order to make.
        seed: for the order `blocks`, which draws at random.
    """
    draw = random.Random(seed)
    if order == "front":
        return list(chunks)
    if order == "spread":
        return [chunks[i] for i in _evenly(len(chunks))]
    first: list[int] = []
    rest: list[int] = []
    for start in range(0, len(chunks), BLOCK_CHUNKS):
        block = list(chunks[start : start + BLOCK_CHUNKS])
        count = max(1, round(len(block) * JUDGED_OF_BLOCK / BLOCK_CHUNKS))
        drawn = set(draw.sample(block, count))
        first += sorted(drawn)
        rest += [chunk for chunk in block if chunk not in drawn]
    draw.shuffle(rest)
    return first + rest


def _evenly(count: int) -> list[int]:
    """Return 0 to count - 1 in the order of the van der Corput sequence: bits reversed."""
    bits = max(1, (count - 1).bit_length())
    reverse = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [i for i in reverse if i < count]


@lru_cache(maxsize=4096)
def _t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution with `freedom` degrees of freedom."""
    return float(special.stdtrit(freedom, probability))
