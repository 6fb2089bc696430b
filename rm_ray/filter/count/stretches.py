"""Stretches of rows of the corpus. Counting and copying both read stretch by stretch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rm_ray.corpus.tables.fields import Names
from rm_ray.counts.order import Ints
from rm_ray.scored.run import ScoredPart, overlapping

# The parts of one run, by corpus file, in order.
Parts = Mapping[str, Sequence[ScoredPart]]


@dataclass(frozen=True)
class Stretch:
    """A stretch is the rows [start, stop) of one corpus file.

    The fields from `partition` on are used to read columns of the file (corpus.decoding).
    """

    file: str
    """The file's path."""
    number: int
    """The file's number among all files."""
    start: int
    """The first row."""
    stop: int
    """The row after the last row."""
    parts: tuple[tuple[ScoredPart, ...], ...]
    """The parts that have rows of the stretch, per run."""
    first_unit: int
    """The number of the first unit that has rows of the stretch."""
    starts: tuple[int, ...] = ()
    """The first row of each further unit that begins in the stretch."""
    partition: Mapping[str, str | None] | None = None
    """The hive folders of the file: value by name."""
    first_group: int = 0
    """The first row group that has rows of the stretch."""
    stop_group: int = 0
    """The row group after the last one that has rows of the stretch."""
    first_row: int = 0
    """The first row of `first_group`."""
    size: int | None = None
    """The file's size in bytes, as listed."""
    version: str | None = None
    """The file's version, as listed."""
    names: Names = field(default_factory=dict)
    """Empty: the filter reads files that have the names of their table."""

    def __str__(self) -> str:
        """Describe the rows for people."""
        return f"{self.file}, rows {self.start} to {self.stop - 1}"

    def units_of(self, rows: Ints) -> Ints:
        """Return the number of each row's unit."""
        return self.first_unit + np.searchsorted(np.array(self.starts), rows, side="right")


def parts_of(
    parts: Sequence[Parts], file: str, start: int, stop: int
) -> tuple[tuple[ScoredPart, ...], ...]:
    """Return, per run, the parts that hold some of the rows [start, stop) of a file."""
    return tuple(tuple(overlapping(of_run.get(file, ()), start, stop)) for of_run in parts)
