"""What rounds have learned about rows that got no answer, and what the next round is to try.

Pure: reads no store and runs nothing. A shard of which nothing failed is done whole. When an
engine's process ends, the rows that were in it are suspects, to be tried alone, and the others
come back in a few pieces; a suspect that fails alone twice, so in two processes, is given up.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rm_ray.corpus.plan import Unit
from rm_ray.corpus.shards import Piece, Shard, even_cuts, part_prefix, prefix_of, tile
from rm_ray.run.faults.in_a_row import FaultKind

# Pieces that the rows beside the suspects are tried in.
PIECES = 8

Rows = tuple[int, int]


@dataclass(frozen=True)
class Failure:
    """Rows of a shard or piece that got no answer, on one machine.

    `rows`: spans [start, stop) of them that were in the engine; none where that is not known.
    `ended`: the engine's process did, so all other rows of the unit have no answer either.
    """

    unit: Shard
    node: str
    reason: str
    rows: tuple[Rows, ...]
    ended: bool
    kind: FaultKind


@dataclass
class Known:
    """Of one shard. `alone`: suspects, with the machine where each failed alone ("" for none yet).

    `given_up`: rows that failed alone twice, with the reason. `cuts`: where pieces are cut.
    """

    alone: dict[int, str] = field(default_factory=dict)
    given_up: dict[int, str] = field(default_factory=dict)
    cuts: set[int] = field(default_factory=set)

    def left(self, gap: Shard) -> Iterator[Piece]:
        """What is to be tried of the rows in a gap."""
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
    """A shard of which every row is known: staged in `pieces`, or given up. `unit`: its one."""

    unit: Unit
    pieces: tuple[Shard, ...]
    given_up: dict[int, str]


class Suspicion:
    """Of all shards of a run. `rows_in`: numbers of the rows of a span that are documents.

    `given_up`: how many were, by how they failed.
    """

    def __init__(self, rows_in: Callable[[Shard], Iterable[int]]) -> None:
        self._rows_in = rows_in
        self._known: dict[Shard, Known] = {}
        self.given_up: Counter[str] = Counter()

    def next_round(
        self, missing: Sequence[Unit], staged: Collection[str]
    ) -> tuple[list[Unit], list[Settled]]:
        """What to try of the missing shards, and those that nothing is to be tried of.

        Args:
            staged: names of all pieces that are staged.
        """
        names: dict[str, list[str]] = {}
        for name in staged:
            names.setdefault(prefix_of(name), []).append(name)
        units, settled = [], []
        for unit in missing:
            theirs = names.get(part_prefix(unit.file), [])
            todo: list[Shard] = []
            for shard in unit.shards:
                pieces, gaps = tile(shard, theirs)
                if not pieces and shard not in self._known:
                    todo.append(shard)
                    continue
                known = self._known.setdefault(shard, Known())
                if left := [piece for gap in gaps for piece in known.left(gap)]:
                    todo += left
                else:
                    one = unit.with_shards((shard,))
                    settled.append(Settled(one, tuple(pieces), dict(known.given_up)))
            if todo:
                units.append(unit.with_shards(tuple(todo)))
        return units, settled

    def learn(self, failures: Iterable[Failure], missing: Sequence[Unit]) -> bool:
        """Take in what failed in a round; whether it says anything new.

        Args:
            missing: as the round was made of.
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
            spans = ((unit.start, unit.stop),)  # nothing tells which, and few are left
        if failure.ended:
            spans, cuts = around(unit, spans)
            known.cuts |= cuts
        for start, stop in spans:
            for row in self._rows_in(Shard(unit.file, start, stop)):
                known.alone.setdefault(row, "")


def around(unit: Shard, suspects: Sequence[Rows]) -> tuple[tuple[Rows, ...], set[int]]:
    """The suspects, and where to cut the rows around them so that these are at most PIECES pieces.

    Where suspects leave more stretches than that, the shortest ones are suspects too.
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
    """The units to do now, and the machines that are to pass them by.

    A document that failed alone is tried again on another machine, where there is one. If all
    machines have seen such failures, half of them are avoided, and what failed on the other half
    waits for the next round.
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
