"""Chooses the chunks of a document to judge, if the user does not want to pay for all of them.

Pure: a chunk is only its number in the document. A *look* is a group of chunks that are judged
before it is decided if the document needs more. A fixed choice of chunks is one look.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
from scipy import special

from rm_ray.judges.preference.keys import ChunkOrder, PreferenceConfig

Kind = Literal["all", "first", "every", "spread", "random"]

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


@dataclass(frozen=True)
class ChunkRule:
    """A ChunkRule chooses the chunks of each document to judge."""

    kind: Kind = "all"
    """How chunks are chosen, as in the key judge.chunks."""
    number: int = 0
    """The number in judge.chunks, for example 8 for first:8; 0 for all."""
    seed: int = 0
    """Seed of all random choices."""
    stop: StopRule | None = None
    """Stops judging early; None to judge all chosen chunks."""

    @classmethod
    def of(cls, judge: PreferenceConfig) -> "ChunkRule":
        """Make the rule that a judge's configuration asks for."""
        kind, _, number = judge.chunks.partition(":")
        adaptive = judge.adaptive
        stop = None
        if adaptive.threshold is not None:
            stop = StopRule(
                adaptive.threshold, adaptive.confidence, adaptive.order, adaptive.min_chunks
            )
        return cls(cast(Kind, kind), int(number or 0), judge.chunks_seed, stop)

    @property
    def is_all(self) -> bool:
        """Return True if every chunk of every document is judged."""
        return self.kind == "all" and self.stop is None

    def looks(self, chunks: range, document: bytes) -> list[list[int]]:
        """Return the numbers of the chunks to judge, look by look, ascending within a look.

        Args:
            chunks: the document's chunks that can be judged.
            document: its content, which seeds random choices: the same document always draws the
                same chunks.
        """
        if self.stop:
            return self.stop.looks(chunks, self._seed_of(document))
        return [self._fixed(chunks, document)]

    def _fixed(self, chunks: range, document: bytes) -> list[int]:
        """Choose chunks by `kind` and `number`."""
        number = min(self.number, len(chunks))
        match self.kind:
            case "first":
                return list(chunks[:number])
            case "every":
                return list(chunks[:: self.number])
            case "spread":
                return [chunks[(2 * i + 1) * len(chunks) // (2 * number)] for i in range(number)]
            case "random":
                return sorted(random.Random(self._seed_of(document)).sample(chunks, number))
        return list(chunks)

    def _seed_of(self, document: bytes) -> int:
        return random.Random(b"%d:" % self.seed + document).getrandbits(64)


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


def standard_error(rewards: Sequence[float], chunks: int) -> float | None:
    """Return the standard error of the mean of n chunk rewards, as an estimate for all N chunks.

    It is s / sqrt(n) * sqrt(1 - n / N): 0 if all chunks were judged, None for fewer than two.
    """
    count = len(rewards)
    if count < 2:
        return None
    spread = float(np.std(np.asarray(rewards, np.float64), ddof=1))
    return spread / math.sqrt(count) * math.sqrt(1 - count / chunks)


def _evenly(count: int) -> list[int]:
    """Return 0 to count - 1 in the order of the van der Corput sequence: bits reversed."""
    bits = max(1, (count - 1).bit_length())
    reverse = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [i for i in reverse if i < count]


@lru_cache(maxsize=4096)
def _t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution with `freedom` degrees of freedom."""
    return float(special.stdtrit(freedom, probability))
