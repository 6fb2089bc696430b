"""The tally's bookkeeping, and when it stops a run."""

import pytest

from rm_ray.tally import ENDED, Tally, Work


@pytest.fixture
def tally(monkeypatch):
    return Tally(most_faults=3)


def test_work_adds_up(tally):
    tally.add(Work(documents=2, tokens=10, model_seconds=0.5))
    tally.add(Work(documents=1, parts=1))
    assert tally.progress().work == Work(documents=3, tokens=10, model_seconds=0.5, parts=1)


def test_faults_in_a_row_stop_the_run_and_a_written_part_starts_the_row_anew(tally):
    for reason in ("one", "two"):
        tally.fault(reason)
    tally.add(Work(parts=1))
    for reason in ("three", "four"):
        tally.fault(reason)
    assert tally.halted() is None
    tally.fault("five")
    assert tally.halted() == "3 faults in a row with no part written; the last: five"
    now = tally.progress()
    assert (now.faults, now.first_fault, now.last_fault) == (5, "one", "five")
    assert tally.begin("p", "rows") == now.halted  # and nothing new begins


def test_the_first_reason_to_stop_stands(tally):
    tally.halt("the store is full")
    tally.halt("another")
    assert tally.halted() == "the store is full"


def test_a_shard_whose_judging_never_ended_is_a_suspect_and_its_death_a_fault(tally):
    assert tally.begin("p", "f, rows 0 to 3") is None
    assert tally.progress().suspects == {"p": ENDED} and tally.progress().faults == 0
    tally.begin("p", "f, rows 0 to 3")  # the actor was started anew, and got it again
    assert tally.progress().last_fault == f"f, rows 0 to 3: {ENDED}"
    tally.done("p")
    assert tally.progress().suspects == {}


def test_a_shard_that_failed_is_a_suspect_until_it_is_judged_after_all(tally):
    tally.begin("p", "rows")
    tally.suspect("p", "rows", "the engine raised")
    assert tally.progress().suspects == {"p": "the engine raised"}
    tally.begin("p", "rows")
    tally.done("p")
    assert tally.progress().suspects == {}


def test_too_many_suspects_in_a_row_pause_the_run_until_they_are_settled(tally):
    for part in "abc":
        tally.begin(part, part)
        tally.suspect(part, part, "the engine raised")
    assert tally.halted() == "judging failed for 3 shards in a row" == tally.begin("d", "d")
    assert tally.stopped() is None
    tally.resume()
    assert tally.halted() is None and tally.progress().suspects == {}
    assert tally.progress().faults == 3


def test_an_engine_that_never_started_anywhere_stops_the_run_after_three_tries():
    tally = Tally(most_faults=9)
    assert [tally.start_failed("no GPU memory") for _ in range(3)] == [None, None, "no GPU memory"]


def test_faults_of_another_kind_are_no_tries_to_start():
    tally = Tally(most_faults=9)
    for _ in range(5):
        tally.fault("a file has changed")
    assert [tally.start_failed("no GPU memory") for _ in range(3)] == [None, None, "no GPU memory"]


def test_a_sick_machine_among_well_ones_is_a_fault_like_others():
    tally = Tally(most_faults=9)
    tally.started(1.0)
    assert [tally.start_failed("no GPU memory") for _ in range(4)] == [None] * 4


def test_a_file_that_is_lost_is_one_fault_however_many_shards_it_has(tally):
    for _ in range(9):
        tally.lost_file("f", "f has changed")
    assert tally.progress().faults == 1 and tally.halted() is None


def test_a_bad_file_is_no_fault_of_the_system(tally):
    for i in range(9):
        tally.bad_file(f"f{i}", f"f{i} is not Parquet")
    now = tally.progress()
    assert now.halted is None and now.faults == 0 and len(now.bad_files) == 9
    assert now.first_fault == "f0 is not Parquet"
