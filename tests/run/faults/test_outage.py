"""A store that is away: nothing new begins before it is back and the lease is known to be ours."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Shard
from rm_ray.run.faults import outage
from rm_ray.run.faults.outage import Outage, TellTally, wait_while_paused
from rm_ray.run.faults.tally import Tally, start_tally
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.read_stage import ReadStage
from rm_ray.store.retry import Retry
from tests.conftest import tiny_judge


def failing(request="writing a", next_s=60.0, since=0.0):
    return Retry(request, "it is away", since, since + 900, next_s, first=True)


def works(request="writing a"):
    return Retry(request, "", 0, 0, 0, first=False)


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


def test_a_run_that_is_stopping_is_not_paused():
    tally = Tally(ScoreCounts, most_faults=3, silence_s=60, start_s=60)
    assert tally.retrying(failing(), pauses=True) and tally.paused()
    assert tally.progress().retries == (failing(),)
    tally.halt("the store is full")
    assert not tally.paused()


def test_an_outage_is_one_fault_however_many_tasks_read():
    tally = Tally(ScoreCounts, most_faults=3, silence_s=60, start_s=60)
    for _ in range(10):
        tally.unread("cannot read a: it is away")
    assert tally.halted() is None and tally.progress().faults == 10


@pytest.mark.usefixtures("ray_cluster")
def test_nothing_is_read_while_the_run_is_paused(tmp_path, monkeypatch):
    path = str(tmp_path / "f.parquet")
    pq.write_table(pa.table({"id": [1], "text": ["one"]}), path)
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 1),))
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60)
    ray.get(tally.retrying.remote(failing(), True))
    waited = []

    def sleep(_):
        """Instead of time going by: the write works, and then the lease is renewed."""
        assert ray.get(tally.progress.remote()).work.read_tokens == 0
        waited.append(1)
        if len(waited) == 2:
            TellTally(tally, pauses=True)(works())
        if len(waited) == 3:
            ray.get(tally.renewed.remote())

    monkeypatch.setattr(outage.time, "sleep", sleep)
    stage = ReadStage(InputConfig(path=path), ray.put(tiny_judge()[0]), tally, {"id": pa.int64()})
    assert len(list(stage(pa.table({"unit": [unit.to_json()]})))) == 1
    assert len(waited) == 3


@pytest.mark.usefixtures("ray_cluster")
def test_only_what_pauses_nothing_waits_the_pause_out():
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60)
    reading, writing = TellTally(tally, pauses=False), TellTally(tally, pauses=True)
    assert not reading(failing("reading b", next_s=0))
    assert not writing(failing())
    assert reading(failing("reading b", next_s=0))
    ray.get(tally.halt.remote("enough"))
    assert not reading(failing("reading b", next_s=0))
    wait_while_paused(tally)
