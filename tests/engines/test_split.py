"""A model split over two processes (tensor parallel), on CPU, in the real job."""

import threading
import time
from dataclasses import replace

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.engines.read_outs import LabelLogits, QuantileHeads
from rm_ray.engines.runnable import check_split
from rm_ray.errors import ConfigError
from tests.conftest import tiny_model
from tests.jobs import judged_here, parts, read_rewards, run, write_corpus

TOLERANCE = 1e-3


class Killer(threading.Thread):
    """Kills the judge actor once a shard is done, and sees how long its processes live on."""

    def __init__(self, output):
        super().__init__(daemon=True)
        self._output = output
        self.children, self.left = [], None

    def run(self):
        while not (self._output / "rewards").is_dir() or not parts(self._output):
            time.sleep(0.05)
        (actor,) = (one for one in psutil.Process().children(recursive=True) if is_judge(one))
        self.children = actor.children(recursive=True)
        titles = {" ".join(child.cmdline()).strip() for child in self.children}
        assert titles >= {"VLLM::Worker_TP0", "VLLM::Worker_TP1"}
        actor.kill()
        _, self.left = psutil.wait_procs(self.children, timeout=10)


def is_judge(process):
    return "MapBatches(JudgeActor)" in " ".join(process.cmdline())


def test_a_split_model_s_rewards_are_the_same_and_all_its_processes_end_with_its_actor(
    tmp_path, caplog, ray_cluster, vllm_engine
):
    write_corpus(tmp_path / "in", files=2, rows=16, words=700)
    places = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    killer = Killer(tmp_path / "out")
    killer.start()
    status, said = run(caplog, **places, engine_tensor_parallel=2, engine_threads=1)
    assert status == 0, said
    killer.join(20)
    assert len(killer.children) >= 2 and killer.left == []
    assert "the engine's process ended while judging it" in said
    corpus = pa.concat_tables(map(pq.read_table, sorted((tmp_path / "in").iterdir())))
    rows = read_rewards(tmp_path / "out")
    assert [row["id"] for row in rows] == corpus["id"].to_pylist()
    whole = judged_here(corpus["text"].to_pylist(), vllm_engine)
    assert [row["reward"] for row in rows] == pytest.approx(whole, abs=TOLERANCE)


def test_what_cannot_be_split_is_refused():
    labels = LabelLogits((32, 33))
    check_split(2, labels, tiny_model())
    with pytest.raises(ConfigError, match=r"4 attention heads of .* among 3 processes"):
        check_split(3, labels, tiny_model())
    # 28 query heads on 7 GPUs would do, and 4 of keys and values neither divide nor repeat
    qwen = replace(tiny_model(), config={"num_attention_heads": 28, "num_key_value_heads": 4})
    check_split(4, labels, qwen)
    check_split(2, labels, qwen)
    with pytest.raises(ConfigError, match=r"28 attention heads of .*, 4 of keys and values"):
        check_split(7, labels, qwen)
    heads = QuantileHeads((1,), 2, 3, 1.0, 4, 1)
    with pytest.raises(ConfigError, match=r"a quantile judge runs on one; give --pool.gpus 1"):
        check_split(2, heads, tiny_model())
