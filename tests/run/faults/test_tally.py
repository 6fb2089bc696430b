"""The tally's bookkeeping: what is in which engine, and when it stops a round or a run."""

import pytest

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.run.faults import starts as starts_module
from rm_ray.run.faults import tally as tally_module
from rm_ray.run.faults.in_a_row import ALONE_IN_A_ROW
from rm_ray.run.faults.suspicion import Failure
from rm_ray.run.faults.tally import ENDED, Tally
from rm_ray.run.faults.under_way import BEGINS
from rm_ray.score.counts import ScoreCounts as Counts

SHARD = Shard("f", 0, 100)
PART = SHARD.part


class AllBut:
    """Machines that live: every one but this."""

    def __init__(self, lost):
        self._lost = lost

    def __contains__(self, node):
        return node != self._lost


@pytest.fixture
def tally(monkeypatch):
    """On machines here and there, of which none but `lost` is ever lost."""
    monkeypatch.setattr(tally_module, "machine_names", lambda: AllBut("lost"))
    return Tally(Counts, most_faults=3, silence_s=60, start_s=60)


def alone(row, failed_on=""):
    return Piece("f", row, row + 1, alone=True, failed_on=failed_on)


def fail(tally, unit, reason="it raised"):
    assert tally.begin(unit, "here", "p")
    tally.asking(unit.part, unit.start, unit.stop)
    tally.broke(unit.part, reason)


def test_work_adds_up(tally):
    tally.add(Counts(documents=2, tokens=10, model_seconds=0.5))
    tally.add(Counts(documents=1, parts=1))
    assert tally.progress().work == Counts(documents=3, tokens=10, model_seconds=0.5, parts=1)


def test_faults_in_a_row_stop_the_run_and_what_is_judged_starts_the_row_anew(tally):
    for end_streak in (
        lambda: tally.add(Counts(parts=1)),
        tally.staged,
        lambda: tally.answered(PART, 0, 1, Counts()),
    ):
        tally.fault("one")
        tally.fault("two")
        end_streak()
    tally.answered(PART, 0, 0, Counts())  # answers that are no numbers are none
    for reason in ("three", "four"):
        tally.fault(reason)
    assert tally.halted() is None
    tally.fault("five")
    assert tally.halted() == "3 faults in a row with nothing done; the last: five"
    now = tally.progress()
    assert (now.faults, now.first_fault, now.last_fault) == (9, "one", "five")
    assert tally.ending() == now.stopped and not tally.begin(SHARD, "here", "p")


def test_the_first_reason_to_stop_stands(tally):
    tally.halt("the store is full")
    tally.halt("another")
    assert tally.halted() == "the store is full"


def test_rows_in_an_engine_that_ended_are_known_and_its_shard_is_not_tried_again(tally):
    assert tally.begin(SHARD, "here", "p")
    for start in (0, 10, 20):
        tally.asking(PART, start, start + 10)
    tally.answered(PART, 10, 10, Counts())
    assert not tally.may_begin(SHARD, [])  # in another process: the first one has ended
    assert not tally.may_begin(SHARD, []) and not tally.begin(SHARD, "there", "p")
    assert tally.end_round(True) == [
        Failure(SHARD, "here", ENDED, ((0, 10), (20, 30)), True, "ended")
    ]
    assert tally.begin(SHARD, "here", "p")  # in the next round


def test_an_engine_that_a_watchdog_has_ended_is_said_to_have_hung(tally):
    tally.begin(SHARD, "here", "p")
    tally.may_begin(SHARD, ["another", "p"])
    (failure,) = tally.end_round(True)
    assert failure.reason == "the engine gave no answer for 60 s, and its process was ended"
    assert failure.kind == "silent"
    tally.begin(SHARD, "here", "p2")
    tally.may_begin(SHARD, ["another", "p"])
    (failure,) = tally.end_round(True)
    assert (failure.reason, failure.kind) == (ENDED, "ended")


def test_a_machine_that_is_lost_blames_nobody(tally):
    tally.begin(SHARD, "lost", "p")
    tally.asking(PART, 0, 10)
    assert tally.may_begin(SHARD, []) and tally.begin(SHARD, "here", "q")  # in the same round
    assert tally.progress().last_fault == f"{SHARD}: its machine was lost"
    tally.done(PART, {})
    assert tally.end_round(True) == []
    tally.begin(SHARD, "lost", "p")
    assert tally.end_round(True) == []  # nor where nobody has tried again


def test_rows_without_a_number_end_nothing(tally):
    tally.begin(SHARD, "here", "p")
    tally.done(PART, {7: "nan"})
    assert tally.end_round(True) == [Failure(SHARD, "here", "nan", ((7, 8),), False, "no_number")]


def test_an_engine_that_fails_a_harmless_document_says_nothing_of_the_suspect(tally):
    suspect = alone(7)
    tally.begin(suspect, "here", "p")
    tally.note_bad_engine(suspect.part, "out of memory")
    assert not tally.may_begin(suspect, [])
    assert tally.progress().last_fault == (
        "an engine cannot judge a document that is known to be harmless: out of memory"
    )
    assert tally.end_round(True) == []


def test_engines_that_end_in_a_row_end_the_round_and_not_the_run(tally):
    for i in range(3):
        fail(tally, Shard("f", i, i + 1))
    assert tally.halted() is None
    assert tally.ending() == "3 shards or pieces failed in a row"
    assert not tally.begin(SHARD, "here", "p")
    assert len(tally.end_round(True)) == 3
    assert tally.begin(SHARD, "here", "p")
    assert tally.progress().rounds == 1 and tally.progress().faults == 3


def test_a_pipeline_that_broke_blames_nothing_that_was_under_way(tally):
    tally.begin(SHARD, "here", "p")
    tally.asking(PART, 0, 10)
    assert tally.end_round(False) == []
    assert tally.may_begin(SHARD, [])


def test_what_ends_an_engine_before_it_is_asked_is_not_the_suspects_fault(tally):
    suspect = alone(7)
    tally.begin(suspect, "here", "p")  # and then it hung over the harmless document
    assert not tally.may_begin(suspect, [])
    assert "cannot judge a document that is known to be harmless" in tally.progress().last_fault
    assert tally.end_round(True) == []


def test_shards_of_which_every_answer_is_no_number_end_the_round(tally):
    for i in range(3):
        shard = Shard("f", i, i + 1)
        tally.begin(shard, "here", "p")
        tally.done(shard.part, {i: "nan"})
    assert tally.ending() == "3 shards or pieces failed in a row"


def test_a_unit_whose_process_ends_when_it_has_judged_it_is_not_begun_for_ever(tally):
    for _ in range(BEGINS):
        assert tally.may_begin(SHARD, []) and tally.begin(SHARD, "here", "p")
        tally.done(PART, {})
    assert not tally.begin(SHARD, "here", "p") and not tally.may_begin(SHARD, [])


def fails_to_start(tally, actor="a", node="here"):
    assert tally.arrives(actor, node) == "start"
    tally.starting(actor, node)
    tally.start_failed(actor, "no GPU memory")


def test_an_engine_whose_process_ends_as_it_starts_has_failed_to_start(tally):
    assert tally.arrives("a", "here") == "start"
    tally.starting("a", "here")
    assert tally.arrives("a", "here") == "start"
    assert tally.progress().last_fault == "the engine did not start: its process ended"


def test_a_machine_of_failed_starts_is_told_of_once_and_stops_no_run(tally):
    for _ in range(2):
        fails_to_start(tally)
    assert tally.arrives("b", "here") == "leave" and tally.arrives("b", "there") == "start"
    machines = {"here", "there"}
    reason = "the engine did not start: no GPU memory"
    assert tally.watch(machines) == ({"here": reason}, None)
    assert tally.watch(machines) == ({}, None) and tally.halted() is None


def test_a_run_stops_at_once_where_every_machine_has_failed(tally):
    for node in ("here", "here", "there", "there"):
        fails_to_start(tally, node=node)
    over = (
        "no engine starts on any of 2 machines; the last: the engine did not start: no GPU memory"
    )
    assert tally.watch({"here", "there"})[1] == over == tally.halted()


def test_failed_starts_are_no_faults_in_a_row(tally):
    for node in range(20):
        fails_to_start(tally, node=str(node))
    assert tally.halted() is None and tally.progress().faults == 20


def test_a_run_that_stops_starts_no_engine_and_waits_for_none(tally):
    assert tally.watch({"here"}) == ({}, None)
    tally.halt("the store is full")
    assert tally.arrives("a", "here") == "wait"
    assert tally.watch({"here"}) == ({}, "the store is full")
    tally.started("b", "here", 1.0)
    assert tally.watch({"here"}) == ({}, None)  # what it is at comes to its end


def test_a_round_without_an_engine_for_too_long_is_over(tally, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(starts_module.time, "monotonic", lambda: now)
    tally.started("a", "here", 1.0)
    assert tally.watch({"here"}) == ({}, None)
    now += 59
    assert tally.watch({"there"}) == ({}, None)  # the machine is lost
    now += 2
    over = "no engine was ready within 60 s (engine.start_s), none was starting"
    assert tally.watch({"there"}) == ({}, over)
    assert tally.halted() is None and tally.progress().last_fault == over
    tally.end_round(False)
    assert tally.watch({"there"}) == ({}, None)


def test_documents_that_fail_alone_in_a_row_stop_the_run(tally):
    for row in range(ALONE_IN_A_ROW - 1):
        fail(tally, alone(row))
    fail(tally, alone(50, failed_on="there"))  # its second time says nothing new of the engines
    assert tally.ending() is None
    tally.note_good_engine()  # an engine has just judged what was judged before
    for row in range(ALONE_IN_A_ROW):
        assert tally.halted() is None
        fail(tally, alone(100 + row))
    assert "20 documents in a row failed although each was judged alone" in tally.halted()


def test_a_file_that_is_lost_is_one_fault_however_many_shards_it_has(tally):
    for _ in range(9):
        tally.unread_for_good("f", "f has changed")
    assert tally.progress().faults == 1 and tally.halted() is None


def test_what_ends_the_process_of_every_task_at_it_is_given_up_for_this_round(tally):
    for _ in range(9):  # its neighbour is done by each of them
        assert tally.may_try("reading a")
        tally.tried("reading a")
    for _ in range(BEGINS):
        assert tally.may_try("reading b") and tally.progress().faults == 0
    assert not tally.may_try("reading b") and not tally.may_try("reading b")
    now = tally.progress()
    assert now.faults == 1
    assert now.last_fault == f"reading b: {BEGINS} processes ended while they did it"
    tally.end_round(complete=True)
    assert tally.may_try("reading b")


def test_a_bad_file_is_no_fault_of_the_system(tally):
    for i in range(9):
        tally.bad_file(f"f{i}", f"f{i} is not Parquet")
    now = tally.progress()
    assert now.stopped is None and now.faults == 0 and len(now.bad_files) == 9
    assert now.first_fault == "f0 is not Parquet"
