"""Shards: row spans of input files, the names of their parts, and pieces of them.

Pure functions and plain data; knows nothing of Ray, storage or models.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Shard:
    """Rows [start, stop) of one input file: the unit of work, of commit and of resume."""

    file: str
    start: int
    stop: int

    @property
    def part(self) -> str:
        """Name of the shard's output file; depends on the path and the rows alone."""
        return f"{part_prefix(self.file)}{self.start:012d}-{self.stop:012d}.parquet"

    def __str__(self) -> str:
        return f"{self.file}, rows {self.start} to {self.stop - 1}"

    def piece(self, name: str) -> "Shard | None":
        """The rows of this shard that a part of that name would hold; None if it is not of them."""
        found = _PART.fullmatch(name)
        if not found or not self.part.startswith(found[1]):
            return None
        piece = Shard(self.file, int(found[2]), int(found[3]))
        return piece if self.start <= piece.start < piece.stop <= self.stop else None

    def cut(self, pieces: int) -> "list[Shard]":
        """The shard cut into at most `pieces` spans of about as many rows."""
        return [
            Shard(self.file, a, b) for a, b in pairwise(even_cuts(self.start, self.stop, pieces))
        ]


def even_cuts(start: int, stop: int, pieces: int) -> list[int]:
    """Where rows [start, stop) are cut into at most `pieces` spans, both ends among them."""
    pieces = min(pieces, stop - start)
    return [start + (stop - start) * i // pieces for i in range(pieces + 1)]


@dataclass(frozen=True)
class Piece(Shard):
    """Rows of a shard that failed as a whole, done by themselves; staged, not committed.

    `alone`: a document, with nothing else in the engine. `failed_on`: the machine where it failed
    alone before; none if "".
    """

    alone: bool = False
    failed_on: str = ""


def part_prefix(path: str) -> str:
    """What the names of all parts of one input file begin with."""
    return f"part-{hashlib.sha256(path.encode()).hexdigest()[:16]}-"


def prefix_of(name: str) -> str:
    """The prefix of a part's name."""
    return name[: len(part_prefix(""))]


_PART = re.compile(r"(part-[0-9a-f]{16}-)(\d{12})-(\d{12})\.parquet")


def tile(shard: Shard, names: Iterable[str]) -> tuple[list[Shard], list[Shard]]:
    """Pieces of the shard among parts of these names, none overlapping, and the gaps they leave."""
    known = sorted(
        (piece for piece in map(shard.piece, names) if piece),
        key=lambda piece: (piece.start, -piece.stop),
    )
    pieces, gaps = [], []
    position = shard.start
    for piece in known:
        if piece.start < position:
            continue
        if piece.start > position:
            gaps.append(Shard(shard.file, position, piece.start))
        pieces.append(piece)
        position = piece.stop
    if position < shard.stop:
        gaps.append(Shard(shard.file, position, shard.stop))
    return pieces, gaps
