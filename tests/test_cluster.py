"""What the machines must hold, and waiting for those that can still come."""

import subprocess
import sys
import time
from pathlib import Path

from rm_ray.cluster import Machine, _lacking, _most_actors
from rm_ray.config import PoolConfig, ReadConfig
from tests.conftest import ROOT
from tests.jobs import environment, ray_head

WAIT = """
import logging
logging.basicConfig(level="INFO")
from rm_ray.cluster import connect, wait_for_machines
from rm_ray.config import PoolConfig, ReadConfig
connect()
pool = PoolConfig(gpus=1, max_actors=5, wait_s={wait})
print("actors", wait_for_machines(pool, ReadConfig()))
"""


def waiting(address, wait, log):
    return subprocess.Popen(
        [sys.executable, "-c", WAIT.format(wait=wait)], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=log.open("w"), text=True, env=environment(RAY_ADDRESS=address),
    )  # fmt: skip


def test_a_gpu_that_can_still_come_is_waited_for_and_not_for_ever(tmp_path):
    env = environment()
    env.pop("RAY_ADDRESS")
    with ray_head(env) as (address, _):
        impatient, patient = tmp_path / "impatient", tmp_path / "patient"
        refused = waiting(address, 2, impatient)
        waited = waiting(address, 120, patient)
        assert refused.wait(60) != 0
        assert "no machine came within 2 s" in impatient.read_text()
        while "more for machines: 1 judge actors need 1 GPUs" not in patient.read_text():
            assert waited.poll() is None
            time.sleep(0.2)
        ray = str(Path(sys.executable).parent / "ray")
        node = subprocess.Popen(
            [ray, "start", f"--address={address}", "--num-gpus=1", "--num-cpus=2", "--block"],
            env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert "actors 5" in waited.communicate(timeout=60)[0]
        finally:
            node.terminate()
            node.wait()


def test_what_lacks_is_said_in_numbers():
    pool, read = PoolConfig(gpus=1, cpus=2, min_actors=2, max_actors=8), ReadConfig(cpus=1)
    assert _lacking(pool, read, [Machine(cpus=8, gpus=2)]) is None
    assert "need 2 GPUs and the cluster has 1" in _lacking(pool, read, [Machine(8, 1)])
    assert "need 5.25 CPUs and the cluster has 5" in _lacking(pool, read, [Machine(5, 2)])
    assert _most_actors(pool, read, [Machine(cpus=8, gpus=8)]) == 3
    assert _most_actors(pool, read, [Machine(cpus=100, gpus=4)]) == 4


def test_an_actor_needs_all_it_asks_for_on_one_machine():
    pool, read = PoolConfig(gpus=0, cpus=9, min_actors=4, max_actors=8), ReadConfig(cpus=1)
    four = [Machine(cpus=16, gpus=0)] * 4  # 64 CPUs are enough for seven, wherever they were
    assert _lacking(pool, read, four) is None
    assert _most_actors(pool, read, four) == 4
    small = [Machine(cpus=8, gpus=0)] * 8
    assert "the cluster's 8 machines hold 0 of that size" in _lacking(pool, read, small)
