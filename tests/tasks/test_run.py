"""Tasks by processes of this machine, and by Ray: the same results, errors and ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rm_ray.errors import Incomplete, InputError
from rm_ray.tasks.ended import Ended, refuse_ended
from rm_ray.tasks.here import _call, _in_a_file, _load
from rm_ray.tasks.run import merge_tasks, run_tasks
from tests.conftest import ROOT


@pytest.fixture(params=["here", pytest.param("ray", marks=pytest.mark.ray)])
def way(request):
    if request.param == "ray":
        request.getfixturevalue("joined_cluster")
    return request.param


def add(batch, dies=None, refuses=None):
    if dies in batch:
        os._exit(1)
    if refuses in batch:
        raise InputError(f"not {refuses}")
    return sum(batch)


def ends_once(batch, folder):
    """End the first process that is given a batch with an `a`."""
    mark = Path(folder) / "ended"
    if "a" in batch and not mark.exists():
        mark.touch()
        os._exit(1)
    return list(batch)


def environment_of(_, name):
    return os.environ.get(name)


@pytest.mark.usefixtures("way")
def test_results_are_in_the_order_of_the_batches():
    batches = [[number, 1] for number in range(40)]
    assert run_tasks(add, batches) == list(range(1, 41))
    assert merge_tasks(add, sum, batches, cpus=0.5, doing="added", every_s=60) == 820
    assert merge_tasks(add, sum, [], cpus=0.5, doing="added", every_s=60) == 0
    assert run_tasks(add, []) == []


@pytest.mark.usefixtures("way")
def test_what_a_task_raises_is_raised_as_it_was():
    with pytest.raises(InputError) as raised:
        run_tasks(add, [[1], [2], [3]], None, 2)
    assert str(raised.value) == "not 2" and type(raised.value) is InputError
    with pytest.raises(InputError, match="not 2"):
        merge_tasks(add, sum, [[1], [2]], None, 2, cpus=0.5, doing="added", every_s=60)
    assert run_tasks(add, [[1], [2], [3]], None, 4) == [1, 2, 3]


@pytest.mark.usefixtures("way")
def test_a_batch_that_ends_each_process_costs_itself_alone():
    found = run_tasks(add, [[1, 2], [3, 4, 5], [6]], 4, retries=1)
    assert found[::2] == [3, 6] and isinstance(found[1], Ended)
    with pytest.raises(InputError, match="each process that reads 3 to 5 ends"):
        merge_tasks(add, sum, [[1, 2], [3, 4, 5], [6]], 4, cpus=0.5, doing="added", every_s=60)


@pytest.mark.usefixtures("way")
def test_a_process_that_ends_once_is_nobodys_fault(tmp_path):
    batches = [["b"], ["a", "c"]]
    assert run_tasks(ends_once, batches, str(tmp_path), retries=1) == batches


def test_a_machine_that_was_lost_is_no_fault_of_the_input():
    refuse_ended([["a"]], [1])
    with pytest.raises(Incomplete, match="node 1 died"):
        refuse_ended([["a"]], [Ended("node 1 died", lost=True)])


def test_processes_have_the_environment_of_their_call(monkeypatch):
    for value in ("one", "two"):
        monkeypatch.setenv("RM_RAY_TEST", value)
        assert run_tasks(environment_of, [["a"], ["b"]], "RM_RAY_TEST") == [value] * 2


def test_what_batches_share_travels_once_and_without_the_environment(monkeypatch):
    monkeypatch.setenv("RM_RAY_SECRET", "do not write this down")
    with _in_a_file((add, (None, 7))) as file:
        assert _call(file, [1, 2], dict(os.environ)) == 3
        assert _load(file) is _load(file)
        assert b"write this down" not in Path(file).read_bytes()


DRIVER = """
import os, signal, sys
from rm_ray.tasks.run import run_tasks
from tests.tasks.slow import sleep
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
try:
    run_tasks(sleep, [[1], [2]], sys.argv[1])
except KeyboardInterrupt:
    os._exit(1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_processes_end_with_their_driver(tmp_path, how):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    while len(pids := [int(path.name) for path in tmp_path.iterdir()]) < 1:
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(how)
    driver.wait(30)
    until = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)
