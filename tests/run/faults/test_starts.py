"""Where engines live and where they cannot start."""

import pytest

from rm_ray.run.faults import starts as starts_module
from rm_ray.run.faults.starts import FETCHING, Starts


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(starts_module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def starts(clock):
    return Starts(start_s=60)


def fail(starts, node, actor="a"):
    starts.begins(actor, node)
    starts.fails(actor, "no memory")


def test_an_engine_that_was_well_starts_anew_when_there_is_work_and_elsewhere_at_once(starts):
    starts.succeeds("a", "here", 1.0)
    assert starts.arrives("a", "here") == "wait"
    assert starts.arrives("a", "there") == "start"
    fail(starts, "here")
    assert starts.arrives("a", "here") == "start"


def test_ready_are_those_that_could_judge_now(starts):
    starts.succeeds("a", "here", 1.0)
    starts.succeeds("b", "there", 1.0)
    assert starts.ready({"here", "there"}) == 2
    assert starts.ready({"here"}) == 1
    starts.arrives("a", "here")  # its process has ended over a document
    assert starts.ready({"here", "there"}) == 1
    starts.begins("a", "here")
    assert starts.ready({"here", "there"}) == 1
    starts.succeeds("a", "here", 1.0)
    assert starts.ready({"here", "there"}) == 2
    starts.end_round()
    assert starts.ready({"here", "there"}) == 0


def test_an_engine_that_lives_on_a_failed_machine_is_left_there(starts):
    """One GPU of eight is broken."""
    starts.succeeds("a", "here", 1.0)
    for _ in range(2):
        fail(starts, "here", actor="b")
    assert starts.arrives("b", "here") == "leave" and starts.arrives("a", "here") == "wait"
    assert starts.alive({"here"})
    starts.end_round()
    assert starts.arrives("b", "here") == "start"  # the machine is no worse than it was
    fail(starts, "there")
    fail(starts, "there")
    starts.end_round()
    assert starts.failed() == {"there"}  # it never started one


def test_no_machine_has_failed_for_good_while_an_engine_is_starting_there(starts):
    starts.begins("b", "here")
    for _ in range(2):
        fail(starts, "here")
    assert starts.none_can({"here"}) is None
    starts.fails("b", "no memory either")
    assert starts.none_can({"here"}).endswith("1 machines; the last: no memory either")
    assert starts.none_can({"here", "there"}) is None
    assert starts.none_can(set()) is None  # one is lost, and may come back


def test_a_start_that_took_too_long_says_so(starts, clock):
    assert starts.ended("a") is None
    starts.begins("a", "here")
    clock[0] += 10
    assert starts.ended("a") == "its process ended"
    clock[0] += 50
    assert starts.ended("a") == "it was not ready after 60 s, and its process was ended"


def test_an_engine_is_waited_for_from_the_last_one_or_the_rounds_beginning(starts, clock):
    assert not starts.alive({"here"}) and starts.too_late() is None
    clock[0] += 59
    starts.succeeds("a", "here", 1.0)
    assert starts.alive({"here"})
    clock[0] += 59
    assert not starts.alive({"there"}) and starts.too_late() is None
    starts.begins("b", "there")
    clock[0] += 1
    said = "no engine was ready within 60 s (engine.start_s), one was still starting"
    assert not starts.alive({"there"}) and starts.too_late() == said
    starts.heard()  # a tally that was lost knows of no engine, and hears of their work
    assert not starts.alive({"there"}) and starts.too_late() is None


def test_so_many_machines_fetch_at_once_and_those_that_are_gone_hold_up_nobody():
    starts = Starts(start_s=60)
    machines = {str(number) for number in range(FETCHING + 2)}
    first, second = str(FETCHING), str(FETCHING + 1)
    assert all(starts.may_fetch(str(number), machines) for number in range(FETCHING))
    assert starts.may_fetch("0", machines)  # another engine of the same machine
    assert not starts.may_fetch(first, machines)
    starts.fetching.discard("0")
    assert starts.may_fetch(first, machines) and not starts.may_fetch(second, machines)
    assert starts.may_fetch(second, machines - {"1"})


def test_a_machine_that_waits_for_its_turn_to_fetch_weights_is_held(starts, clock):
    starts.arrives("a", "here")
    starts.add_time({"here"})
    clock[0] += 30
    starts.begins("a", "here")
    clock[0] += 10
    starts.succeeds("a", "here", 10.0)
    clock[0] += 20
    starts.add_time({"here"})
    assert (starts.held_seconds, starts.ready_seconds) == (60, 20)
