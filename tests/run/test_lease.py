"""The lease: one living driver a folder, and a dead one's folder goes to the next."""

import json
import os
import socket
import time

import pytest

from rm_ray.errors import OutputError
from rm_ray.run import lease
from rm_ray.run.lease import Lease
from rm_ray.store.folder import Folder


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 1.0)


def never(reason):
    raise AssertionError(reason)


def test_a_second_driver_is_refused_while_the_first_beats_and_welcome_after(tmp_path):
    state = Folder(str(tmp_path))
    with Lease(state, never):
        message = rf"another run is at work .*process {os.getpid()} on {socket.gethostname()}\)"
        with pytest.raises(OutputError, match=message), Lease(state, never):
            pass
    assert state.read(lease.NAME) is None
    with Lease(state, never):
        assert json.loads(state.read(lease.NAME))["process"] == os.getpid()


def left_behind(state, **changes):
    owner = {"id": "x", "host": "elsewhere", "process": 1, "process_started": 0.0, "beats": 3}
    state.overwrite(lease.NAME, json.dumps(owner | changes).encode())


def test_a_lease_that_stands_still_is_taken_over_once_it_has_been_watched(tmp_path):
    state = Folder(str(tmp_path))
    left_behind(state)
    began = time.monotonic()
    with Lease(state, never):
        assert time.monotonic() - began >= 1.0
        assert json.loads(state.read(lease.NAME))["process"] == os.getpid()


@pytest.mark.parametrize("gone", [{"process": 2**22 + 1}, {"process": os.getpid()}])
def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(gone, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "DEAD_SECONDS", 3600.0)
    state = Folder(str(tmp_path))
    left_behind(state, host=socket.gethostname(), **gone)
    with Lease(state, never):
        pass


@pytest.mark.parametrize("text", [b"", b"not json", b"[1]"])
def test_a_damaged_lease_is_watched_and_taken_over(text, tmp_path):
    state = Folder(str(tmp_path))
    state.overwrite(lease.NAME, text)
    with Lease(state, never):
        pass


def test_a_driver_that_loses_its_lease_is_told_and_leaves_the_new_one_alone(tmp_path):
    state = Folder(str(tmp_path))
    told = []
    with Lease(state, told.append):
        left_behind(state, host="thief", process=7)
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
    assert told == ["another run has taken over this output folder (process 7 on thief)"]
    assert json.loads(state.read(lease.NAME))["host"] == "thief"
