"""The plan: which rows of which files make one shard, decided once and kept.

Pure. A plan grows by files and never cuts a planned file again, so part names stay what they were.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

from rm_ray.corpus.shards import Piece, Shard


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
