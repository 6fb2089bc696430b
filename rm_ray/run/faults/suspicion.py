"""Remembers the rows that got no answer, and decides which rows the next round tries.

Pure: reads no store and runs nothing. A shard without failures is done whole. If an engine's
process ends, the rows that were in it become suspects, and each suspect is tried alone. The other
rows of the shard are tried in a few pieces. A suspect that fails alone twice, so in two processes,
is given up.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rm_ray.corpus.plan import Unit
from rm_ray.corpus.shards import Piece, Shard, even_cuts, part_prefix, prefix_of, tile
from rm_ray.run.faults.in_a_row import FaultKind

# Pieces, at most, in which the rows around the suspects are tried.
PIECES = 8

# A span of rows: [start, stop).
Rows = tuple[int, int]


@dataclass(frozen=True)
class Failure:
    """A Failure is a shard or piece with rows that got no answer, on one machine."""

    unit: Shard
    """The shard or piece."""
    node: str
    """Node id of the machine."""
    reason: str
    """The fault, in words."""
    rows: tuple[Rows, ...]
    """Spans [start, stop) of rows that were in the engine; empty if they are not known."""
    ended: bool
    """The engine's process ended, so the other rows of the unit have no answer either."""
    kind: FaultKind
    """Kind of the fault."""


@dataclass
class Known:
    """Known is the knowledge about one shard that failed."""

    alone: dict[int, str] = field(default_factory=dict)
    """Node id of the machine where a suspect failed alone ("" if it has not yet), by row."""
    given_up: dict[int, str] = field(default_factory=dict)
    """Reason why a row was given up, by row. It failed alone twice."""
    cuts: set[int] = field(default_factory=set)
    """Row numbers at which the shard is cut into pieces."""

    def left(self, gap: Shard) -> Iterator[Piece]:
        """Yield the pieces to try in a gap between the shard's staged pieces."""
        marked = [row for row in {*self.alone, *self.given_up} if gap.start <= row < gap.stop]
        edges = {gap.start, gap.stop, *marked, *(row + 1 for row in marked)}
        edges |= {cut for cut in self.cuts if gap.start < cut < gap.stop}
        for start, stop in pairwise(sorted(edges)):
            if start in self.alone:
                yield Piece(gap.file, start, stop, alone=True, failed_on=self.alone[start])
            elif start not in self.given_up:
                yield Piece(gap.file, start, stop)


@dataclass(frozen=True)
class Settled:
    """A Settled is a shard whose every row is staged or given up."""

    unit: Unit
    """The shard's unit, with only this shard."""
    pieces: tuple[Shard, ...]
    """The shard's staged pieces."""
    given_up: dict[int, str]
    """Reason why a row was given up, by row."""


class Suspicion:
    """Suspicion is the knowledge about all shards of a run that failed.

    `given_up` counts the documents that were given up, by kind of fault.
    """

    def __init__(self, rows_in: Callable[[Shard], Iterable[int]]) -> None:
        """Begin with nothing known.

        Args:
            rows_in: returns the row numbers in a span that are documents.
        """
        self._rows_in = rows_in
        self._known: dict[Shard, Known] = {}
        self.given_up: Counter[str] = Counter()

    def next_round(
        self, missing: Sequence[Unit], staged: Collection[str]
    ) -> tuple[list[Unit], list[Settled]]:
        """Return the units to try next, and the shards that are settled.

        Args:
            missing: units with the shards that are not committed.
            staged: names of all staged pieces.
        """
        names: dict[str, list[str]] = {}
        for name in staged:
            names.setdefault(prefix_of(name), []).append(name)
        units, settled = [], []
        for unit in missing:
            names_of_file = names.get(part_prefix(unit.file), [])
            todo: list[Shard] = []
            for shard in unit.shards:
                pieces, gaps = tile(shard, names_of_file)
                if not pieces and shard not in self._known:
                    todo.append(shard)
                    continue
                known = self._known.setdefault(shard, Known())
                if left := [piece for gap in gaps for piece in known.left(gap)]:
                    todo += left
                else:
                    alone = unit.with_shards((shard,))
                    settled.append(Settled(alone, tuple(pieces), dict(known.given_up)))
            if todo:
                units.append(unit.with_shards(tuple(todo)))
        return units, settled

    def learn(self, failures: Iterable[Failure], missing: Sequence[Unit]) -> bool:
        """Record the failures of a round; return True if any of them is of a missing shard.

        Args:
            failures: the round's failures.
            missing: the units that were missing before the round.
        """
        owners: dict[str, list[Shard]] = {}
        for unit in missing:
            owners.setdefault(unit.file, []).extend(unit.shards)
        learned = False
        for failure in failures:
            span = failure.unit
            for shard in owners.get(span.file, []):
                if shard.start <= span.start and span.stop <= shard.stop:
                    self._take(failure, self._known.setdefault(shard, Known()))
                    learned = True
        return learned

    def _take(self, failure: Failure, known: Known) -> None:
        unit = failure.unit
        if isinstance(unit, Piece) and unit.alone:
            if unit.failed_on:
                known.given_up[unit.start] = f"{failure.reason} (alone, in 2 engine processes)"
                known.alone.pop(unit.start, None)
                self.given_up[failure.kind] += 1
            else:
                known.alone[unit.start] = failure.node
            return
        spans = failure.rows
        if not spans and unit.stop - unit.start <= PIECES:
            spans = ((unit.start, unit.stop),)  # the failed row is unknown, but few rows are left
        if failure.ended:
            spans, cuts = around(unit, spans)
            known.cuts |= cuts
        for start, stop in spans:
            for row in self._rows_in(Shard(unit.file, start, stop)):
                known.alone.setdefault(row, "")


def around(unit: Shard, suspects: Sequence[Rows]) -> tuple[tuple[Rows, ...], set[int]]:
    """Cut the rows around the suspects into at most PIECES pieces.

    If the suspects leave more stretches of rows than that, the shortest stretches become suspects
    too.

    Returns:
        The spans of all suspects, and the row numbers at which the other rows are cut.
    """
    edges = [unit.start, *(edge for span in suspects for edge in span), unit.stop]
    gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    gaps.sort(key=lambda gap: gap[0] - gap[1])
    gaps, short = gaps[:PIECES], gaps[PIECES:]
    rows = sum(stop - start for start, stop in gaps)
    spare = PIECES - len(gaps)
    cuts: set[int] = set()
    for start, stop in gaps:
        cuts.update(even_cuts(start, stop, 1 + spare * (stop - start) // rows))
    return tuple(sorted([*suspects, *short])), cuts


def without_machines(
    units: Sequence[Unit], machines: Collection[str]
) -> tuple[list[Unit], set[str]]:
    """Return the units to do now, and the machines to avoid for them.

    A document that failed alone is tried again on another machine, if there is one. If such
    documents have failed on all machines, one half is avoided now; documents that failed on the
    other half wait a round.
    """
    seen = {
        span.failed_on
        for unit in units
        for span in unit.shards
        if isinstance(span, Piece) and span.failed_on
    }
    seen &= set(machines)
    if not seen or len(machines) < 2:
        return list(units), set()
    if len(seen) < len(machines):
        return list(units), seen
    avoided = set(sorted(machines)[: len(machines) // 2])
    others = seen - avoided
    left = []
    for unit in units:
        spans = tuple(
            s for s in unit.shards if not (isinstance(s, Piece) and s.failed_on in others)
        )
        if spans:
            left.append(unit.with_shards(spans))
    return left, avoided
