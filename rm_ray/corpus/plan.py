"""The plan: how the rows of each file are cut into shards, decided once and kept.

A plan grows by files and never cuts a planned file again, so part names never change. Pure.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Protocol, Self, TypeVar

import numpy as np

from rm_ray.corpus.profile import Profile, share, uneven_cuts
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.corpus.tables.fields import Names


class Unit(Protocol):
    """A unit is the work that one task gets at once: some shards of one file."""

    @property
    def file(self) -> str:
        """Return the path of the file that the rows belong to."""

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Return the shards whose rows the task makes; in a round, only the missing ones."""

    def to_json(self) -> str:
        """Return the unit as a string, in which form it is sent to its task."""

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Return the unit that `to_json` wrote."""

    def with_shards(self, shards: tuple[Shard, ...]) -> Self:
        """Return the unit with only these shards, each a shard of the unit or a piece of one."""


class Planned(Protocol):
    """A planned file has rows that are cut into units once and for all: one line of a plan."""

    @property
    def path(self) -> str:
        """Return the path that names it in the plan."""

    @property
    def units(self) -> Sequence[Unit]:
        """Return the units that its rows are cut into."""

    def to_json(self) -> str:
        """Return one line of a plan segment."""

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Return the planned file that `to_json` wrote."""

    def to_do(self) -> Sequence[Unit]:
        """Return the units, each with all that its task has to know."""


# The profiles of a file whose rows are not known to differ in length.
EVEN: Mapping[int, Profile] = {}

AnyUnit = TypeVar("AnyUnit", bound=Unit)
AnyPlanned = TypeVar("AnyPlanned", bound=Planned)


@dataclass(frozen=True)
class ReadUnit:
    """A read unit is a run of row groups of one file, decoded once, and the shards cut from it."""

    file: str
    """Path of the file."""
    partition: dict[str, str | None]
    """Hive partition columns of the file: value by name, None for null."""
    first_group: int
    """Number of the first row group."""
    stop_group: int
    """Number of the row group after the last one."""
    first_row: int
    """Number, in the file, of the first row of `first_group`."""
    shards: tuple[Shard, ...]
    """Shards of the unit; in a round, only the missing shards or pieces of shards."""
    row_tokens: float = 0.0
    """Estimated tokens of a row; 0 where unknown."""
    size: int | None = None
    """Size of the file in bytes when it was planned; None where no check is needed."""
    version: str | None = None
    """Version of the file when it was planned; None where no check is needed."""
    names: Names = field(default_factory=dict)
    """Names that the file has for the columns of its table, where they differ."""

    def to_json(self) -> str:
        """Return the unit as a string, in which form it is sent to the read stage."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "ReadUnit":
        """Return the unit that `to_json` wrote."""
        data = json.loads(line)
        data["shards"] = tuple(
            Piece(**span) if "alone" in span else Shard(**span) for span in data["shards"]
        )
        return cls(**data)

    def with_shards(self, shards: tuple[Shard, ...]) -> "ReadUnit":
        """Return the unit with only these shards, each a shard of the unit or a piece of one."""
        return replace(self, shards=shards)

    @property
    def tokens(self) -> float:
        """Return the estimated tokens of the shards."""
        return self.row_tokens * sum(shard.stop - shard.start for shard in self.shards)


@dataclass(frozen=True)
class PlannedFile:
    """A planned file is one input file, as it was when it was planned, cut into read units."""

    path: str
    """Path of the file."""
    size: int
    """Size of the file in bytes."""
    version: str
    """Etag or modification time of the file, as the store gives it."""
    units: tuple[ReadUnit, ...]
    """Units of the planned rows, in order."""
    rows_left: int = 0
    """Rows after the planned ones, left out so far by a limit."""
    names: Names = field(default_factory=dict)
    """Names that the file has for the columns of its table, where they differ."""

    @property
    def rows(self) -> int:
        """Return how many rows are planned, counted from the first row of the file."""
        return self.units[-1].shards[-1].stop if self.units else 0

    def to_do(self) -> list[ReadUnit]:
        """Return the units, each with what is known of the file."""
        size, version, names = self.size, self.version, self.names
        return [replace(unit, size=size, version=version, names=names) for unit in self.units]

    def to_json(self) -> str:
        """Return one line of a plan segment.

        It holds each unit as its first and stop group, first row, cuts, and tokens of a row.
        """
        units = []
        for unit in self.units:
            cuts = [unit.shards[0].start, *(shard.stop for shard in unit.shards)]
            groups = (unit.first_group, unit.stop_group, unit.first_row)
            units.append([*groups, cuts, unit.row_tokens])
        partition = self.units[0].partition if self.units else {}
        return json.dumps(
            {
                "file": self.path,
                "size": self.size,
                "version": self.version,
                "partition": partition,
                "units": units,
                "rows_left": self.rows_left,
                **({"names": self.names} if self.names else {}),
            }
        )

    @classmethod
    def from_json(cls, line: str) -> "PlannedFile":
        """Return the planned file that `to_json` wrote."""
        data = json.loads(line)
        path = data["file"]
        units = []
        for first_group, stop_group, first_row, cuts, *row_tokens in data["units"]:
            shards = tuple(Shard(path, a, b) for a, b in pairwise(cuts))
            units.append(
                ReadUnit(
                    file=path,
                    partition=data["partition"],
                    first_group=first_group,
                    stop_group=stop_group,
                    first_row=first_row,
                    shards=shards,
                    row_tokens=row_tokens[0] if row_tokens else 0.0,
                )
            )
        return cls(
            path=path,
            size=data["size"],
            version=data["version"],
            units=tuple(units),
            rows_left=data.get("rows_left", 0),
            names=data.get("names", {}),
        )


def cut_file(
    path: str,
    partition: dict[str, str | None],
    rows: Sequence[int],
    tokens: Sequence[float],
    *,
    max_rows: int,
    max_tokens: float,
    start: int = 0,
    stop: int | None = None,
    profiles: Mapping[int, Profile] = EVEN,
) -> tuple[ReadUnit, ...]:
    """Cut rows [start, stop) of a file into shards, and group the shards into read units.

    Small row groups are joined, and large row groups are sliced evenly. A shard with a slice of one
    row group holds no rows of another, so each row group is decoded once. In a row group with a
    profile, a shard of more than `max_tokens` tokens is a single row.

    Args:
        path: path of the file.
        partition: hive partition columns of the file.
        rows: number of rows of each row group.
        tokens: estimated tokens of each row group.
        max_rows: most rows of a shard.
        max_tokens: most tokens of a shard, about.
        start: number of the first row.
        stop: number of the row after the last one; None for the end of the file.
        profiles: for each row group with uneven rows, by number, how its tokens are spread.
    """
    firsts = [0, *np.cumsum(rows, dtype=np.int64).tolist()]
    stop = firsts[-1] if stop is None else stop
    spans = {
        group: (max(firsts[group], start), min(firsts[group + 1], stop))
        for group in range(len(rows))
        if max(firsts[group], start) < min(firsts[group + 1], stop)
    }
    cost = {
        group: tokens[group]
        * share(rows[group], a - firsts[group], b - firsts[group], profiles.get(group))
        for group, (a, b) in spans.items()
    }
    units: list[ReadUnit] = []

    def unit(groups: Sequence[int]) -> None:
        a, b = spans[groups[0]][0], spans[groups[-1]][1]
        total = sum(cost[group] for group in groups)
        first = groups[0]
        pieces = _pieces(b - a, total, max_rows, max_tokens)
        if pieces > 1 and first in profiles:  # only a single row group is sliced
            edges = np.arange(a, b + 1)
            before = tokens[first] * profiles[first].before(edges - firsts[first])
            # there are never more pieces than rows, and a row may have more tokens than a shard
            most = min(max_tokens, total / pieces)
            cuts = edges[uneven_cuts(before, max_rows, most)].tolist()
            shards = tuple(Shard(path, *span) for span in pairwise(cuts))
        else:
            shards = tuple(Shard(path, a, b).cut(pieces))
        row_tokens = round(total / (b - a), 1)
        units.append(
            ReadUnit(
                file=path,
                partition=partition,
                first_group=first,
                stop_group=groups[-1] + 1,
                first_row=firsts[first],
                shards=shards,
                row_tokens=row_tokens,
            )
        )

    joined: list[int] = []
    for group in spans:
        extended = [*joined, group]
        too_many = sum(spans[g][1] - spans[g][0] for g in extended) > max_rows
        if joined and (too_many or sum(cost[g] for g in extended) > max_tokens):
            unit(joined)
            extended = [group]
        joined = extended
    if joined:
        unit(joined)
    return tuple(units)


def _pieces(rows: int, tokens: float, max_rows: int, max_tokens: float) -> int:
    count = max(-(-rows // max_rows), int(np.ceil(tokens / max_tokens)), 1)
    return min(count, rows)


def shards_of(files: Iterable[Planned]) -> Iterator[Shard]:
    """Return an iterator over all shards of the plan, in order."""
    return (shard for file in files for unit in file.units for shard in unit.shards)


def missing_units(files: Iterable[Planned], committed: Collection[str]) -> list[Unit]:
    """Return the units with work left, each with only the shards whose part is not committed."""
    return without((unit for file in files for unit in file.to_do()), committed)


def without(units: Iterable[AnyUnit], committed: Collection[str]) -> list[AnyUnit]:
    """Return the units without their committed shards, leaving out units that are done."""
    remaining = []
    for unit in units:
        shards = tuple(shard for shard in unit.shards if shard.part not in committed)
        if shards:
            remaining.append(unit.with_shards(shards))
    return remaining
