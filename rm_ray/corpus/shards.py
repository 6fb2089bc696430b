"""The plan: which rows of which files make one shard, decided once and kept.

Pure functions and plain data; knows nothing of Ray, storage or models. A plan grows by files and
never cuts a planned file again, so part names stay what they were.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt


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
    """Rows of a shard that could not be judged whole, judged by themselves; staged, not committed.

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


@dataclass(frozen=True)
class ReadUnit:
    """Row groups [first_group, stop_group) of a file, decoded once, and the shards cut from them.

    In a round, `shards` are those that are missing, or pieces of them. `first_row`: number in the
    file of the unit's first row. `size` and `version`: the file's when it was planned; None where
    nobody minds.
    """

    file: str
    partition: dict[str, str]
    first_group: int
    stop_group: int
    first_row: int
    shards: tuple[Shard, ...]
    size: int | None = None
    version: str | None = None

    def to_json(self) -> str:
        """The unit as a string, the form in which it travels to the read stage."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "ReadUnit":
        """The unit that `to_json` wrote."""
        data = json.loads(line)
        data["shards"] = tuple(
            Piece(**span) if "alone" in span else Shard(**span) for span in data["shards"]
        )
        return cls(**data)


@dataclass(frozen=True)
class PlannedFile:
    """One input file as it was when it was planned, cut into read units."""

    path: str
    size: int
    version: str
    units: tuple[ReadUnit, ...]

    def to_json(self) -> str:
        """One line of a plan segment; a unit is its groups, its first row and its cuts."""
        units = [
            [u.first_group, u.stop_group, u.first_row, [u.shards[0].start]
             + [shard.stop for shard in u.shards]]
            for u in self.units
        ]  # fmt: skip
        partition = self.units[0].partition if self.units else {}
        return json.dumps(
            {"file": self.path, "size": self.size, "version": self.version,
             "partition": partition, "units": units}
        )  # fmt: skip

    @classmethod
    def from_json(cls, line: str) -> "PlannedFile":
        """The file that `to_json` wrote."""
        data = json.loads(line)
        path = data["file"]
        units = []
        for first_group, stop_group, first_row, cuts in data["units"]:
            shards = tuple(Shard(path, a, b) for a, b in pairwise(cuts))
            units.append(
                ReadUnit(path, data["partition"], first_group, stop_group, first_row, shards)
            )
        return cls(path, data["size"], data["version"], tuple(units))


def cut_file(
    path: str,
    partition: dict[str, str],
    rows: Sequence[int],
    tokens: Sequence[float],
    *,
    max_rows: int,
    max_tokens: float,
    limit: int | None = None,
) -> tuple[ReadUnit, ...]:
    """Cut a file into shards of at most `max_rows` rows and about `max_tokens` tokens.

    Small row groups are joined, large ones are sliced evenly; no shard holds a slice of one row
    group and anything of another, so every row group is decoded once.

    Args:
        rows: rows of each row group.
        tokens: estimated tokens of each row group.
        limit: rows from the start of the file to plan; None for all.
    """
    units: list[ReadUnit] = []
    open_groups: list[int] = []

    def unit(first: int, stop: int) -> None:
        start, end = starts[first], min(starts[stop], starts[-1] if limit is None else limit)
        if end <= start:
            return
        pieces = _pieces(end - start, sum(tokens[first:stop]), max_rows, max_tokens)
        shards = tuple(Shard(path, start, end).cut(pieces))
        units.append(ReadUnit(path, partition, first, stop, start, shards))

    starts = [0, *np.cumsum(rows, dtype=np.int64).tolist()]
    for group in range(len(rows)):
        joined = [*open_groups, group]
        too_many = sum(rows[g] for g in joined) > max_rows
        if open_groups and (too_many or sum(tokens[g] for g in joined) > max_tokens):
            unit(open_groups[0], group)
            joined = [group]
        open_groups = joined
    if open_groups:
        unit(open_groups[0], len(rows))
    return tuple(units)


def _pieces(rows: int, tokens: float, max_rows: int, max_tokens: float) -> int:
    wanted = max(-(-rows // max_rows), int(np.ceil(tokens / max_tokens)), 1)
    return min(wanted, rows)


def shards_of(files: Iterable[PlannedFile]) -> Iterator[Shard]:
    """Every shard of the plan, in order."""
    return (shard for file in files for unit in file.units for shard in unit.shards)


def missing_units(files: Iterable[PlannedFile], committed: Collection[str]) -> list[ReadUnit]:
    """The read units with work left, each with only the shards whose part is not committed."""
    units = (
        replace(unit, size=file.size, version=file.version) for file in files for unit in file.units
    )
    return without(units, committed)


def without(units: Iterable[ReadUnit], committed: Collection[str]) -> list[ReadUnit]:
    """The units without the shards whose part is committed, and without those that are done."""
    left = []
    for unit in units:
        shards = tuple(shard for shard in unit.shards if shard.part not in committed)
        if shards:
            left.append(replace(unit, shards=shards))
    return left


@dataclass(frozen=True)
class RowSample:
    """A seeded choice of rows: the same rows whatever the shards, the order or the machine."""

    fraction: float
    seed: int

    def count(self, file: str, start: int, stop: int) -> int:
        """How many rows in [start, stop) are chosen."""
        return stop - start if self.fraction >= 1 else len(self.chosen(file, start, stop))

    def chosen(self, file: str, start: int, stop: int) -> npt.NDArray[np.int64]:
        """The numbers of the chosen rows in [start, stop), ascending."""
        rows = np.arange(start, stop, dtype=np.uint64)
        if self.fraction >= 1:
            return rows.astype(np.int64)
        key = hashlib.sha256(f"{self.seed}\n{file}".encode()).digest()[:8]
        hashed = _mix(rows + np.uint64(int.from_bytes(key, "little")))
        return (rows[hashed < np.uint64(self.fraction * 2**64)]).astype(np.int64)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): well-mixed bits of each number."""
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
