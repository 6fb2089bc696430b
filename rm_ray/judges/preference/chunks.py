"""Chooses the chunks of a document to judge, if the user does not want to pay for all of them.

Pure: a chunk is only its number in the document. A *look* is a group of chunks that are judged
before it is decided if the document needs more. A fixed choice of chunks is one look.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.stopping import Band, StopTable

Kind = Literal["all", "first", "every", "spread", "random"]


@dataclass(frozen=True)
class EarlyStop:
    """An EarlyStop stops judging a document once it is clear on which side of a cut it lies."""

    table: StopTable
    """The stop rule."""
    band: Band
    """The band in which the cut lies."""

    def decides(self, rewards: Sequence[float], chunks: int) -> bool:
        """Return True if the chunk rewards so far make the side clear.

        Args:
            rewards: rewards of the chunks judged so far.
            chunks: chunks of the document that can be judged.
        """
        return self.table.side(rewards, chunks, self.band) != 0


@dataclass(frozen=True)
class ChunkRule:
    """A ChunkRule chooses the chunks of each document to judge."""

    kind: Kind = "all"
    """How chunks are chosen, as in the key judge.chunks."""
    number: int = 0
    """The number in judge.chunks, for example 8 for first:8; 0 for all."""
    seed: int = 0
    """Seed of all random choices."""
    first: int = 0
    """Number of the first chunk that is judged."""
    stop: EarlyStop | None = None
    """Stops judging early; None to judge all chosen chunks."""

    @classmethod
    def of(cls, judge: PreferenceConfig) -> "ChunkRule":
        """Make the rule that a judge's configuration asks for, without early stops."""
        kind, _, number = judge.chunks.partition(":")
        return cls(cast(Kind, kind), int(number or 0), judge.chunks_seed)

    @property
    def is_all(self) -> bool:
        """Return True if every chunk of every document is judged."""
        return self.kind == "all" and self.stop is None and not self.first

    def looks(self, chunks: range, document: bytes) -> list[list[int]]:
        """Return the numbers of the chunks to judge, look by look, ascending within a look.

        Args:
            chunks: the document's chunks that can be judged.
            document: its content, which seeds random choices: the same document always draws the
                same chunks.
        """
        chunks = chunks[max(0, self.first - chunks.start) :]
        if self.stop:
            return self.stop.table.looks(chunks)
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


def standard_error(rewards: Sequence[float], chunks: int) -> float | None:
    """Return the standard error of the mean of n chunk rewards, as an estimate for all N chunks.

    It is s / sqrt(n) * sqrt(1 - n / N): 0 if all chunks were judged, None for fewer than two.
    """
    count = len(rewards)
    if count < 2:
        return None
    spread = float(np.std(np.asarray(rewards, np.float64), ddof=1))
    return spread / math.sqrt(count) * math.sqrt(1 - count / chunks)
