"""A process that is silent for too long ends itself, whatever holds the interpreter."""

import subprocess
import sys
import time

import pytest

from rm_ray.engines.watchdog import Watchdog, hung_processes
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPT = """
import ctypes, time
from rm_ray.engines.watchdog import Watchdog
with Watchdog(1.0, "one") as watchdog:
    for _ in range(20):
        time.sleep(0.1)
        watchdog.alive()
    print("alive", flush=True)
    {hang}
print("never")
"""
ENDS = """
import os
from rm_ray.engines.watchdog import Watchdog
with Watchdog(60, "two"):
    os._exit(3)
"""
HANGS = {
    "in Python": "time.sleep(60)",
    "in native code that holds the interpreter lock": "ctypes.PyDLL(None).sleep(60)",
}


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, of this process and those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def run(script):
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("where", HANGS)
def test_a_hang_ends_the_process_and_says_where(where, temporary):
    began = time.monotonic()
    result = run(SCRIPT.format(hang=HANGS[where]))
    assert result.returncode == 1 and result.stdout == "alive\n"
    assert time.monotonic() - began < 30
    with Watchdog(60, "two"):
        pass
    (said,) = temporary.glob("rm_ray-hung-*")
    assert hung_processes() == ["one"]
    assert 'File "<string>", line 9 in <module>' in said.read_text()


def test_a_process_that_ends_otherwise_leaves_nothing_that_tells_of_a_hang(temporary):
    assert run(ENDS).returncode == 3
    with Watchdog(60, "two"):
        (mine,) = temporary.iterdir()
        assert hung_processes() == []
        with Watchdog(60, "two"):  # another process's, as far as files go
            assert mine.exists()
    assert not any(temporary.iterdir())


def test_a_process_that_leaves_the_watchdog_may_be_silent():
    script = """
import time
from rm_ray.engines.watchdog import Watchdog
with Watchdog(0.5, "three"):
    pass
time.sleep(1.5)
"""
    assert run(script).returncode == 0
