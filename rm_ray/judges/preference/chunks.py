"""Which chunks of a document are judged, where the user chooses to spend less than all of them.

Pure; knows chunks by their number in the document only. A *look* is a number of chunks that are
judged before it is decided whether the document needs more; a fixed choice is one look.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
from scipy import special

from rm_ray.judges.preference.keys import Order, PreferenceConfig

Kind = Literal["all", "first", "every", "spread", "random"]

# `blocks`: of each such stretch of chunks some are judged before the next stretch is begun.
BLOCK_CHUNKS = 16
JUDGED_OF_BLOCK = 8
# Each look at a document has so many times the chunks of the one before.
LOOK_GROWTH = 1.5


@dataclass(frozen=True)
class StopRule:
    """Judge until it is clear on which side of `threshold` the document's reward is.

    `confidence`: of the decision, over all looks together. `least`: chunks of the first look.
    """

    threshold: float
    confidence: float
    order: Order
    least: int

    def looks(self, chunks: Sequence[int], seed: int) -> list[list[int]]:
        """All chunks, cut into the looks at which the document may be decided."""
        ordered = in_order(chunks, self.order, seed)
        return [sorted(ordered[a:b]) for a, b in self._cuts(len(ordered))]

    def decides(self, rewards: Sequence[float], chunks: int) -> bool:
        """Whether the chunk rewards so far, of `chunks` in all, leave the threshold's side clear.

        A t interval for the mean of a finite population, drawn without replacement (Cochran,
        Sampling Techniques, 1977, 2.8), one-sided, since a wrong decision is wrong on one side
        only. It is looked at several times, so each look has an equal share of the error
        (Bonferroni); once every chunk is judged nothing is left to decide.
        """
        error = standard_error(rewards, chunks)
        looks = len(self._cuts(chunks)) - 1
        if error is None or looks < 1:
            return False
        share = (1 - self.confidence) / looks
        distance = abs(float(np.mean(rewards)) - self.threshold)
        return distance > _t_quantile(1 - share, len(rewards) - 1) * error

    def _cuts(self, chunks: int) -> list[tuple[int, int]]:
        stops = []
        stop = self.least
        while stop < chunks:
            stops.append(stop)
            stop = max(stop + 1, math.ceil(stop * LOOK_GROWTH))
        return list(zip([0, *stops], [*stops, chunks], strict=True))


@dataclass(frozen=True)
class ChunkRule:
    """`kind` and its number, as judge.chunks says them; `stop` for judging until it is clear."""

    kind: Kind = "all"
    number: int = 0
    seed: int = 0
    stop: StopRule | None = None

    @classmethod
    def of(cls, judge: PreferenceConfig) -> "ChunkRule":
        """The rule that a judge's configuration asks for."""
        kind, _, number = judge.chunks.partition(":")
        ask = judge.adaptive
        stop = None
        if ask.threshold is not None:
            stop = StopRule(ask.threshold, ask.confidence, ask.order, ask.min_chunks)
        return cls(cast(Kind, kind), int(number or 0), judge.chunks_seed, stop)

    @property
    def is_all(self) -> bool:
        """Every chunk of every document is judged."""
        return self.kind == "all" and self.stop is None

    def looks(self, chunks: range, document: bytes) -> list[list[int]]:
        """Numbers of the chunks to judge, ascending within a look.

        Args:
            chunks: the document's chunks that can be judged.
            document: its content; two documents draw differently, and one always the same.
        """
        if self.stop:
            return self.stop.looks(chunks, self._seed_of(document))
        return [self._fixed(chunks, document)]

    def _fixed(self, chunks: range, document: bytes) -> list[int]:
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


def in_order(chunks: Sequence[int], order: Order, seed: int) -> list[int]:
    """All chunks in the order in which they are looked at.

    front: as they stand; the text behind the last one judged costs nothing. spread: wherever it
    is cut, evenly over the document, whose whole text is soon paid for. blocks: through the
    document stretch by stretch, some of each, then the rest.
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
    """Of the mean of some chunk rewards, as an estimate of the mean over all `chunks`.

    s / sqrt(n) * sqrt(1 - n / N): 0 where all were judged, None for a single one.
    """
    count = len(rewards)
    if count < 2:
        return None
    spread = float(np.std(np.asarray(rewards, np.float64), ddof=1))
    return spread / math.sqrt(count) * math.sqrt(1 - count / chunks)


def _evenly(count: int) -> list[int]:
    """0 to count - 1 in the order of the van der Corput sequence: bits reversed."""
    bits = max(1, (count - 1).bit_length())
    reverse = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [i for i in reverse if i < count]


@lru_cache(maxsize=4096)
def _t_quantile(probability: float, freedom: int) -> float:
    return float(special.stdtrit(freedom, probability))
