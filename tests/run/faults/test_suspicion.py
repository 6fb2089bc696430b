"""What rounds learn: by hand, and that no row is ever forgotten or tried twice in a round."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.run.faults.suspicion import PIECES, Failure, Suspicion, around, without_machines

SHARD = Shard("f", 0, 100)
UNIT = ReadUnit("f", {}, 0, 1, 0, (SHARD,))


def suspicion():
    return Suspicion(lambda span: range(span.start, span.stop))


def ended(unit, *rows, node="here"):
    return Failure(unit, node, "it raised", rows, True, "raised")


def spans(units):
    return [span for unit in units for span in unit.shards]


def test_a_shard_of_which_nothing_failed_is_judged_whole():
    assert suspicion().next_round([UNIT], []) == ([UNIT], [])


def test_one_bad_document_costs_three_rounds():
    known = suspicion()
    assert known.learn([ended(SHARD, (40, 42))], [UNIT])
    (unit,), settled = known.next_round([UNIT], [])
    assert settled == []
    alone = [Piece("f", row, row + 1, alone=True) for row in (40, 41)]
    assert [span for span in unit.shards if span.alone] == alone
    pieces = [span for span in unit.shards if not span.alone]
    assert len(pieces) <= PIECES
    assert sorted(r for p in unit.shards for r in range(p.start, p.stop)) == list(range(100))

    # in the second round all but the first suspect are judged
    staged = [piece.part for piece in (*pieces, alone[1])]
    assert known.learn([ended(alone[0], (40, 41))], [UNIT])
    (unit,), settled = known.next_round([UNIT], staged)
    assert settled == []
    again = Piece("f", 40, 41, alone=True, failed_on="here")
    assert unit.shards == (again,)

    # in the third it fails again, in another process
    assert known.learn([ended(again, (40, 41), node="there")], [UNIT])
    units, (settled,) = known.next_round([UNIT], staged)
    assert units == [] and settled.unit == UNIT
    assert settled.given_up == {40: "it raised (alone, in 2 engine processes)"}
    assert {piece.part for piece in settled.pieces} == set(staged)


def test_a_row_without_a_number_comes_back_alone_and_its_neighbours_are_staged():
    known = suspicion()
    known.learn([Failure(SHARD, "here", "nan", ((7, 8),), False, "no_number")], [UNIT])
    staged = [Shard("f", 0, 7).part, Shard("f", 8, 100).part]
    (unit,), _ = known.next_round([UNIT], staged)
    assert unit.shards == (Piece("f", 7, 8, alone=True),)


def test_a_resumed_run_tries_the_gaps_afresh():
    staged = [Shard("f", 0, 40).part, Shard("f", 41, 100).part]
    (unit,), settled = suspicion().next_round([UNIT], staged)
    assert unit.shards == (Piece("f", 40, 41),) and settled == []
    units, (settled,) = suspicion().next_round([UNIT], [*staged, Shard("f", 40, 41).part])
    assert units == [] and settled.given_up == {} and len(settled.pieces) == 3


def test_what_nothing_tells_of_is_cut_and_a_few_rows_are_all_suspects():
    known = suspicion()
    known.learn([ended(SHARD)], [UNIT])  # it ended with nothing in the engine
    (unit,), _ = known.next_round([UNIT], [])
    assert len(unit.shards) == PIECES and not any(span.alone for span in unit.shards)
    small = Piece("f", 90, 95)
    known.learn([ended(small)], [UNIT])
    (unit,), _ = known.next_round([UNIT], [])
    assert {s.start for s in unit.shards if s.alone} == set(range(90, 95))


def test_what_is_not_of_a_missing_shard_teaches_nothing():
    assert not suspicion().learn([ended(Shard("g", 0, 1), (0, 1))], [UNIT])
    assert not suspicion().learn([], [UNIT])


@given(st.sets(st.integers(0, 29)), st.integers(1, 30))
def test_around_suspects_every_row_is_in_one_of_few_pieces_or_a_suspect(rows, count):
    unit = Shard("f", 10, 10 + count)
    suspects = [(10 + row, 11 + row) for row in sorted(rows) if row < count]
    alone, cuts = around(unit, suspects)
    assert set(suspects) <= set(alone)
    marked = {row for start, stop in alone for row in range(start, stop)}
    edges = sorted({unit.start, unit.stop} | cuts | marked | {row + 1 for row in marked})
    pieces = [(a, b) for a, b in itertools.pairwise(edges) if a not in marked]
    assert len(pieces) <= PIECES
    covered = [row for a, b in pieces for row in range(a, b)]
    assert sorted([*covered, *marked]) == list(range(unit.start, unit.stop))


def unit_of(*shards):
    return ReadUnit("f", {}, 0, 1, 0, shards)


def test_a_machine_where_a_document_failed_passes_it_by():
    again = [Piece("f", i, i + 1, alone=True, failed_on=on) for i, on in enumerate("aab")]
    fresh = Piece("f", 9, 10, alone=True)
    assert without_machines([unit_of(fresh)], "abc") == ([unit_of(fresh)], set())
    assert without_machines([unit_of(*again)], "abc") == ([unit_of(*again)], {"a", "b"})
    # there is no other machine
    assert without_machines([unit_of(*again)], "a") == ([unit_of(*again)], set())
    # every machine has seen failures: first those of one half, on the other half
    now, avoided = without_machines([unit_of(*again, fresh)], "ab")
    assert (spans(now), avoided) == ([*again[:2], fresh], {"a"})
    # a machine that is gone need not be avoided
    assert without_machines([unit_of(again[0])], "cd") == ([unit_of(again[0])], set())
