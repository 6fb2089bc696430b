"""A run that pauses while a store is away: what causes it, what waits, and when it goes on."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Shard
from rm_ray.run.faults import pause
from rm_ray.run.faults.pause import TellTally, wait_while_paused
from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.tally import Tally
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.read_stage import ReadStage
from tests.conftest import tiny_judge
from tests.run.faults.retries import failing, works


@pytest.mark.usefixtures("ray_cluster")
def test_nothing_is_read_while_the_run_is_paused(tmp_path, monkeypatch):
    path = str(tmp_path / "f.parquet")
    pq.write_table(pa.table({"id": [1], "text": ["one"]}), path)
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 1),))
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=False)
    tally.call(Tally.retrying, failing(), True)
    waited = []

    def sleep(_):
        """Instead of time going by: the write works, and then the lease is renewed."""
        assert tally.call(Tally.progress).work.read_tokens == 0
        waited.append(1)
        if len(waited) == 2:
            TellTally(tally, pauses=True)(works())
        if len(waited) == 3:
            tally.call(Tally.renewed)

    monkeypatch.setattr(pause.time, "sleep", sleep)
    stage = ReadStage(InputConfig(path=path), ray.put(tiny_judge()[0]), tally, {"id": pa.int64()})
    assert len(list(stage(pa.table({"unit": [unit.to_json()]})))) == 1
    assert len(waited) == 3


@pytest.mark.usefixtures("ray_cluster")
def test_only_what_pauses_nothing_waits_the_pause_out():
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=False)
    reading, writing = TellTally(tally, pauses=False), TellTally(tally, pauses=True)
    assert not reading(failing("reading b", next_s=0))
    assert not writing(failing())
    assert reading(failing("reading b", next_s=0))
    tally.call(Tally.halt, "enough")
    assert not reading(failing("reading b", next_s=0))
    wait_while_paused(tally)
