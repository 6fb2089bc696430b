"""What the machines must hold, and waiting for those that can still come."""

import itertools
import re
import subprocess
import sys
import time

import pytest

from rm_ray.cluster.fit import _held, _lacking, _most_actors, reserved_cpus
from rm_ray.cluster.machines import Machine
from rm_ray.config import PoolConfig
from tests import fault_engine
from tests.conftest import ROOT
from tests.jobs import command, environment, ray_head, ray_node, write_corpus

pytestmark = pytest.mark.cluster

WAIT = """
import logging
logging.basicConfig(level="INFO")
from rm_ray.cluster.fit import wait_for_machines
from rm_ray.cluster.join import connect
from rm_ray.config import PoolConfig
connect()
pool = PoolConfig(gpus=1, max_actors=5, wait_s={wait})
print("actors", wait_for_machines(pool))
"""

ARRIVED = """
import ray, time
from rm_ray.cluster.join import connect
connect()
while "apart" not in ray.cluster_resources():
    time.sleep(0.2)
"""


def waiting(address, wait, log):
    return subprocess.Popen(
        [sys.executable, "-c", WAIT.format(wait=wait)], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=log.open("w"), text=True, env=environment(RAY_ADDRESS=address),
    )  # fmt: skip


@pytest.fixture(scope="module")
def head():
    env = environment()
    env.pop("RAY_ADDRESS")
    with ray_head(env) as (address, _):
        yield address


def machine(address, *options, before=()):
    env = environment()
    env.pop("RAY_ADDRESS")
    return ray_node(address, env, *options, before=before)


def test_a_gpu_that_can_still_come_is_waited_for_and_not_for_ever(head, tmp_path):
    impatient, patient = tmp_path / "impatient", tmp_path / "patient"
    refused = waiting(head, 2, impatient)
    waited = waiting(head, 120, patient)
    assert refused.wait(60) != 0
    assert "no machine came within 2 s (pool.wait_s): `ray status` on" in impatient.read_text()
    while "more for machines: 1 judge actors need 1 GPUs" not in patient.read_text():
        assert waited.poll() is None
        time.sleep(0.2)
    with machine(head, "--num-gpus=1", "--num-cpus=2"):
        assert "actors 5" in waited.communicate(timeout=60)[0]


def test_a_local_output_that_another_machine_does_not_see_is_refused(head, tmp_path):
    """Each would write to a disk of its own, and the run would find parts missing for ever."""
    write_corpus(tmp_path / "in", files=1, rows=4, words=80)
    (tmp_path / "out").mkdir()
    mount = f'mount -t tmpfs none {tmp_path}/out && exec "$@"'
    changes = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    job = command(**changes, engine_name=fault_engine.NAME)
    env = environment(RAY_ADDRESS=head, PYTHONPATH=str(ROOT))
    options = "--num-cpus=1", '--resources={"apart": 1}'
    with machine(head, *options, before=("unshare", "-rm", "sh", "-c", mount, "sh")):
        arrived = subprocess.run([sys.executable, "-c", ARRIVED], cwd=ROOT, env=env, timeout=60)
        assert arrived.returncode == 0
        done = subprocess.run(job, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.search(rf"{tmp_path}/out is a folder of .* that the machine .* does not see; give a "
                     "folder that all machines share, or an object store", done.stderr)  # fmt: skip
    assert not (tmp_path / "out" / "rewards").exists()


def test_on_one_cpu_a_run_comes_to_its_end(tmp_path):
    """Its engine has the only one, and what reads and writes runs beside it."""
    write_corpus(tmp_path / "in", files=2, rows=8, words=80)
    places = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    job = command(**places, engine_name=fault_engine.NAME)
    env = environment(RAY_OVERRIDE_RESOURCES='{"CPU": 1}', PYTHONPATH=str(ROOT))
    done = subprocess.run(job, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "1 CPUs, 0 GPUs" in done.stderr, done.stderr


def test_what_lacks_is_said_in_numbers():
    pool = PoolConfig(gpus=1, cpus=2, min_actors=2, max_actors=8)
    assert _lacking(pool, [Machine(cpus=8, gpus=2)]) is None
    assert "need 2 GPUs and the cluster has 1" in _lacking(pool, [Machine(8, 1)])
    assert "need 4 CPUs and the cluster has 3" in _lacking(pool, [Machine(3, 2)])
    assert _most_actors(pool, [Machine(cpus=8, gpus=8)]) == 4
    assert _most_actors(pool, [Machine(cpus=100, gpus=4)]) == 4


def test_an_actor_needs_all_it_asks_for_on_one_machine():
    pool = PoolConfig(gpus=0, cpus=9, min_actors=4, max_actors=8)
    four = [Machine(cpus=16, gpus=0)] * 4  # 64 CPUs are enough for seven, wherever they were
    assert _lacking(pool, four) is None
    assert _most_actors(pool, four) == 4
    small = [Machine(cpus=8, gpus=0)] * 8
    assert "the cluster's 8 machines hold 0 of that size" in _lacking(pool, small)


@pytest.mark.parametrize(
    ("gpus", "machine", "held"),
    [
        (0.25, Machine(cpus=32, gpus=2), 8),
        (0.4, Machine(cpus=32, gpus=2), 4),  # two on each GPU: the fifth would lie across both
        (0.1, Machine(cpus=8, gpus=1), 8),
        (2, Machine(cpus=32, gpus=8), 4),
        (2, Machine(cpus=32, gpus=1), 0),
        (3, Machine(cpus=32, gpus=8), 2),
    ],
)
def test_engines_of_several_gpus_and_of_parts_of_one(gpus, machine, held):
    assert _held(PoolConfig(gpus=gpus), machine) == held


def test_engines_that_fill_a_machine_leave_room_to_read_and_write():
    for cpus, tenths in itertools.product(range(1, 257), range(1, 41)):
        reserved = round(reserved_cpus(PoolConfig(cpus=tenths / 10)) * 10_000)  # as Ray counts
        engines, left = divmod(cpus * 10_000, reserved)
        if engines <= 32:
            assert left > max(2, engines) or not engines  # tasks that read, and one that writes
