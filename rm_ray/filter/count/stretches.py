"""Stretches of rows of the corpus: what is counted, and what is copied, is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rm_ray.counts.order import Ints
from rm_ray.scored.run import ScoredPart, overlapping

# Of one run, by corpus file, in order.
Parts = Mapping[str, Sequence[ScoredPart]]


@dataclass(frozen=True)
class Stretch:
    """Rows [start, stop) of one corpus file.

    `number`: of the file among all. `parts`: of each run those with rows of it. `first_unit`: the
    number of the first unit that has rows of it, `starts`: the first rows of those after that. The
    others say which row groups of the file hold it (corpus.decoding), where its columns are read.
    """

    file: str
    number: int
    start: int
    stop: int
    parts: tuple[tuple[ScoredPart, ...], ...]
    first_unit: int
    starts: tuple[int, ...] = ()
    partition: Mapping[str, str | None] | None = None
    first_group: int = 0
    stop_group: int = 0
    first_row: int = 0
    size: int | None = None
    version: str | None = None

    def __str__(self) -> str:
        """The rows as a person finds them."""
        return f"{self.file}, rows {self.start} to {self.stop - 1}"

    def units_of(self, rows: Ints) -> Ints:
        """The unit of each row."""
        return self.first_unit + np.searchsorted(np.array(self.starts), rows, side="right")


def parts_of(
    parts: Sequence[Parts], file: str, start: int, stop: int
) -> tuple[tuple[ScoredPart, ...], ...]:
    """Of each run, those that hold rows [start, stop) of a file."""
    return tuple(tuple(overlapping(theirs.get(file, ()), start, stop)) for theirs in parts)
