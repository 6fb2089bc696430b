"""A process that is silent for too long ends itself, whatever holds the interpreter."""

import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

SCRIPT = """
import ctypes, time
from rm_ray.engines.watchdog import Watchdog
with Watchdog(1.0) as watchdog:
    for _ in range(20):
        time.sleep(0.1)
        watchdog.alive()
    print("alive", flush=True)
    {hang}
print("never")
"""
HANGS = {
    "in Python": "time.sleep(60)",
    "in native code that holds the interpreter lock": "ctypes.PyDLL(None).sleep(60)",
}


@pytest.mark.parametrize("where", HANGS)
def test_a_hang_ends_the_process(where):
    began = time.monotonic()
    script = SCRIPT.format(hang=HANGS[where])
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 1 and result.stdout == "alive\n"
    assert time.monotonic() - began < 30


def test_a_process_that_leaves_the_watchdog_may_be_silent():
    script = """
import time
from rm_ray.engines.watchdog import Watchdog
with Watchdog(0.5):
    pass
time.sleep(1.5)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
