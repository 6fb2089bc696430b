"""The plan: which rows of which files make one shard, decided once and kept.

Pure. A plan grows by files and never cuts a planned file again, so part names stay what they were.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Protocol, Self, TypeVar

import numpy as np

from rm_ray.corpus.profile import Profile, share, uneven_cuts
from rm_ray.corpus.shards import Piece, Shard


class Unit(Protocol):
    """What a task is given at once. `shards`: of which it makes the rows; in a round those that
    are missing. `file`: what they are rows of.
    """

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def shards(self) -> tuple[Shard, ...]: ...  # noqa: D102

    def to_json(self) -> str:
        """The form in which it travels to its task."""

    @classmethod
    def from_json(cls, line: str) -> Self:
        """What `to_json` wrote."""

    def with_shards(self, shards: tuple[Shard, ...]) -> Self:
        """With only these of its shards, or pieces of them."""


class Planned(Protocol):
    """A line of a plan: what has rows, cut into units, once and for all. `path`: its name."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def units(self) -> Sequence[Unit]: ...  # noqa: D102

    def to_json(self) -> str:
        """One line of a plan segment."""

    @classmethod
    def from_json(cls, line: str) -> Self:
        """What `to_json` wrote."""

    def to_do(self) -> Sequence[Unit]:
        """Its units, with all that a task has to know."""


# The profiles of a file whose rows are all about as long, as far as anybody knows.
EVEN: Mapping[int, Profile] = {}

AnyUnit = TypeVar("AnyUnit", bound=Unit)
AnyPlanned = TypeVar("AnyPlanned", bound=Planned)


@dataclass(frozen=True)
class ReadUnit:
    """Row groups [first_group, stop_group) of a file, decoded once, and the shards cut from them.

    In a round, `shards` are those that are missing, or pieces of them. `first_row`: number in the
    file of the first group's first row. `row_tokens`: estimated tokens of a row, 0 where unknown.
    `size` and `version`: the file's when it was planned; None where nobody minds.
    """

    file: str
    partition: dict[str, str | None]
    first_group: int
    stop_group: int
    first_row: int
    shards: tuple[Shard, ...]
    row_tokens: float = 0.0
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

    def with_shards(self, shards: tuple[Shard, ...]) -> "ReadUnit":
        """With only these of its shards, or pieces of them."""
        return replace(self, shards=shards)

    @property
    def tokens(self) -> float:
        """Estimated tokens of its shards."""
        return self.row_tokens * sum(shard.stop - shard.start for shard in self.shards)


@dataclass(frozen=True)
class PlannedFile:
    """One input file as it was when it was planned, cut into read units.

    `rows_left`: those after the planned ones, which a limit has left out so far.
    """

    path: str
    size: int
    version: str
    units: tuple[ReadUnit, ...]
    rows_left: int = 0

    @property
    def rows(self) -> int:
        """How many of its rows are planned, from the first on."""
        return self.units[-1].shards[-1].stop if self.units else 0

    def to_do(self) -> list[ReadUnit]:
        """The units, which know what the file was."""
        return [replace(unit, size=self.size, version=self.version) for unit in self.units]

    def to_json(self) -> str:
        """One line of a plan segment; a unit is its groups, first row, cuts and tokens of a row."""
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
            }
        )

    @classmethod
    def from_json(cls, line: str) -> "PlannedFile":
        """The file that `to_json` wrote."""
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
    """Cut a file's rows [start, stop) into shards of at most `max_rows` rows and about `max_tokens`
    tokens.

    Small row groups are joined, large ones are sliced evenly; no shard holds a slice of one row
    group and anything of another, so every row group is decoded once. Where a profile says that
    rows are uneven, a shard of more than `max_tokens` tokens is a single row.

    Args:
        rows: rows of each row group.
        tokens: estimated tokens of each row group.
        stop: None for the file's end.
        profiles: where tokens lie in row groups whose rows are uneven, by their number.
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
        if pieces > 1 and first in profiles:  # of one row group, since it is sliced
            every = np.arange(a, b + 1)
            before = tokens[first] * profiles[first].before(every - firsts[first])
            # there are never more pieces than rows, and rows may have more tokens than a shard
            most = min(max_tokens, total / pieces)
            cuts = every[uneven_cuts(before, max_rows, most)].tolist()
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
        more = [*joined, group]
        too_many = sum(spans[g][1] - spans[g][0] for g in more) > max_rows
        if joined and (too_many or sum(cost[g] for g in more) > max_tokens):
            unit(joined)
            more = [group]
        joined = more
    if joined:
        unit(joined)
    return tuple(units)


def _pieces(rows: int, tokens: float, max_rows: int, max_tokens: float) -> int:
    wanted = max(-(-rows // max_rows), int(np.ceil(tokens / max_tokens)), 1)
    return min(wanted, rows)


def shards_of(files: Iterable[Planned]) -> Iterator[Shard]:
    """Every shard of the plan, in order."""
    return (shard for file in files for unit in file.units for shard in unit.shards)


def missing_units(files: Iterable[Planned], committed: Collection[str]) -> list[Unit]:
    """The units with work left, each with only the shards whose part is not committed."""
    return without((unit for file in files for unit in file.to_do()), committed)


def without(units: Iterable[AnyUnit], committed: Collection[str]) -> list[AnyUnit]:
    """The units without the shards whose part is committed, and without those that are done."""
    left = []
    for unit in units:
        shards = tuple(shard for shard in unit.shards if shard.part not in committed)
        if shards:
            left.append(unit.with_shards(shards))
    return left
