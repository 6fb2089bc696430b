"""A store that is away: nothing new begins before it is back and the lease is known to be ours."""

import pytest

from rm_ray.run.faults.outage import Outage
from rm_ray.run.faults.tally import Tally
from rm_ray.score.counts import ScoreCounts
from tests.run.faults.retries import failing, works


def test_a_write_pauses_until_it_works_and_the_lease_was_renewed():
    away = Outage()
    away.told(failing(), pauses=True)
    away.renewed()
    assert away.paused
    away.told(works(), pauses=True)
    assert away.paused
    away.renewed()
    assert not away.paused


def test_a_read_pauses_nothing():
    away = Outage()
    away.told(failing("reading b"), pauses=False)
    assert not away.paused and [one.request for one in away.retries()] == ["reading b"]


@pytest.mark.parametrize("end", [failing(next_s=0), failing(next_s=1e-9)], ids=["given up", "dead"])
def test_what_tells_no_more_holds_nothing_up(end):
    """Its process may have ended."""
    away = Outage()
    away.told(failing(since=2), pauses=True)
    away.told(failing("writing b", since=1), pauses=True)
    assert [one.request for one in away.retries()] == ["writing b", "writing a"]
    away.told(end, pauses=True)
    away.told(works("writing b"), pauses=True)
    assert away.retries() == ()
    away.renewed()
    assert not away.paused


@pytest.mark.usefixtures("ray_cluster")
def test_a_run_that_is_stopping_is_not_paused():
    tally = Tally(ScoreCounts, most_faults=3, silence_s=60, start_s=60)
    assert tally.retrying(failing(), pauses=True) and tally.paused()
    assert tally.progress().retries == (failing(),)
    tally.halt("the store is full")
    assert not tally.paused()


@pytest.mark.usefixtures("ray_cluster")
def test_an_outage_is_one_fault_however_many_tasks_read():
    tally = Tally(ScoreCounts, most_faults=3, silence_s=60, start_s=60)
    for _ in range(10):
        tally.unread("cannot read a: it is away")
    assert tally.halted() is None and tally.progress().faults == 10
