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
    """A shard is a span of rows of one input file: the unit of work, of commit and of resume."""

    file: str
    """Path of the input file."""
    start: int
    """Number of the first row."""
    stop: int
    """Number of the row after the last one."""

    @property
    def part(self) -> str:
        """Return the name of the shard's output file; it depends only on the path and the rows."""
        return f"{part_prefix(self.file)}{self.start:012d}-{self.stop:012d}.parquet"

    def __str__(self) -> str:
        return f"{self.file}, rows {self.start} to {self.stop - 1}"

    def piece(self, name: str) -> "Shard | None":
        """Return the rows that a part of this name holds; None if they are not of this shard."""
        match = _PART.fullmatch(name)
        if not match or not self.part.startswith(match[1]):
            return None
        piece = Shard(self.file, int(match[2]), int(match[3]))
        return piece if self.start <= piece.start < piece.stop <= self.stop else None

    def cut(self, pieces: int) -> "list[Shard]":
        """Cut the shard into at most `pieces` spans of about equal numbers of rows."""
        return [
            Shard(self.file, a, b) for a, b in pairwise(even_cuts(self.start, self.stop, pieces))
        ]


def even_cuts(start: int, stop: int, pieces: int) -> list[int]:
    """Return the rows at which to cut [start, stop) into at most `pieces` spans, with both ends."""
    pieces = min(pieces, stop - start)
    return [start + (stop - start) * i // pieces for i in range(pieces + 1)]


@dataclass(frozen=True)
class Piece(Shard):
    """A piece is some rows of a shard that failed as a whole; it is staged, not committed."""

    alone: bool = False
    """True for a single document, which has the engine to itself."""
    failed_on: str = ""
    """Name of the machine where the document already failed alone; "" if it has not."""


def part_prefix(path: str) -> str:
    """Return the prefix that the names of all parts of one input file share."""
    return f"part-{hashlib.sha256(path.encode()).hexdigest()[:16]}-"


def prefix_of(name: str) -> str:
    """Return the prefix of a part's name."""
    return name[: len(part_prefix(""))]


_PART = re.compile(r"(part-[0-9a-f]{16}-)(\d{12})-(\d{12})\.parquet")


def tile(shard: Shard, names: Iterable[str]) -> tuple[list[Shard], list[Shard]]:
    """Find pieces of the shard by the names of their parts.

    Returns:
        The pieces, none overlapping, and the spans of rows between these, both in order.
    """
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
