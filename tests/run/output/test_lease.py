"""The lease: one living driver a folder, and a dead one's folder goes to the next."""

import json
import os
import socket
import time
import uuid
from contextlib import contextmanager

import psutil
import pytest

from rm_ray.config import StorageConfig
from rm_ray.errors import Incomplete, OutputError
from rm_ray.run.output import lease
from rm_ray.run.output.lease import Lease
from rm_ray.run.output.process import process_table
from rm_ray.store.folder import Folder


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 1.0)


def never(reason):
    raise AssertionError(reason)


@contextmanager
def held(state, lost=never, *others):
    with Lease(state) as lease:
        lease.tell(lost, *others)
        yield lease


def test_a_second_driver_is_refused_while_the_first_beats_and_welcome_after(tmp_path):
    state = Folder(str(tmp_path))
    with held(state):
        message = rf"another run is at work .*process {os.getpid()} on {socket.gethostname()}\)"
        with pytest.raises(OutputError, match=message), held(state):
            pass
    assert state.read(lease.NAME) is None
    with held(state):
        assert json.loads(state.read(lease.NAME))["process"] == os.getpid()


def left_behind(state, **changes):
    owner = {"id": "x", "host": "elsewhere", "process": 1, "began_after_boot": 0.0, "beats": 3}
    state.overwrite(lease.NAME, json.dumps(owner | changes).encode())


def test_a_lease_that_stands_still_is_taken_over_once_it_has_been_watched(tmp_path):
    state = Folder(str(tmp_path))
    left_behind(state)
    began = time.monotonic()
    with held(state):
        assert time.monotonic() - began >= 1.0
        assert json.loads(state.read(lease.NAME))["process"] == os.getpid()


@pytest.mark.parametrize("gone", [{"process": 2**22 + 1}, {"process": os.getpid()}])
def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(gone, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "DEAD_SECONDS", 3600.0)
    state = Folder(str(tmp_path))
    left_behind(state, host=socket.gethostname(), processes=process_table(), **gone)
    with held(state):
        pass


def test_an_owner_that_lives_stays_the_owner_when_the_clock_is_set(tmp_path, monkeypatch):
    state = Folder(str(tmp_path))
    with held(state):
        boot = psutil.boot_time()
        # what the kernel says after a step of the time of day, by which psutil dates processes
        monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot + 1.0)
        with pytest.raises(OutputError, match="another run is at work"), held(state):
            pass


def test_a_store_that_fails_as_the_lease_is_given_back_fails_no_run(tmp_path, caplog):
    state = Folder(str(tmp_path / "state"))
    with held(state):
        (tmp_path / "state").rename(tmp_path / "gone")
        (tmp_path / "state").write_text("no folder any more")
    assert "cannot give back the lease" in caplog.text
    (tmp_path / "state").unlink()
    with pytest.raises(KeyError, match="what went wrong"), held(state):
        (tmp_path / "state").rename(tmp_path / "gone too")
        (tmp_path / "state").write_text("no folder any more")
        raise KeyError("what went wrong")


@pytest.mark.parametrize("text", [b"", b"not json", b"[1]"])
def test_a_damaged_lease_is_watched_and_taken_over(text, tmp_path):
    state = Folder(str(tmp_path))
    state.overwrite(lease.NAME, text)
    with held(state):
        pass


def test_a_driver_that_loses_its_lease_is_told_and_leaves_the_new_one_alone(tmp_path):
    state = Folder(str(tmp_path))
    told = []
    with held(state, told.append):
        left_behind(state, host="thief", process=7)
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
    assert told == ["another run has taken over this output folder (process 7 on thief)"]
    assert json.loads(state.read(lease.NAME))["host"] == "thief"


def test_a_driver_that_stood_still_until_its_last_step_finds_its_lease_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_SECONDS", 60)  # it goes on before its next beat
    state = Folder(str(tmp_path))
    with held(state) as mine:
        mine.check()
        left_behind(state)
        with pytest.raises(Incomplete, match=r"process 1 on elsewhere\).*stay"):
            mine.check()
    assert json.loads(state.read(lease.NAME))["process"] == 1


def test_one_that_was_lost_before_anybody_listened_is_told_of_then(tmp_path):
    state = Folder(str(tmp_path))
    with Lease(state) as lease:
        left_behind(state, host="thief", process=7)
        with pytest.raises(Incomplete, match="has taken over"):
            lease.tell(never)


def test_one_that_another_driver_took_and_gave_back_is_lost(tmp_path):
    """A machine that slept: its plan is not the folder's any more."""
    state = Folder(str(tmp_path))
    told = []
    with held(state, told.append):
        state.remove(lease.NAME)
        wait_for(lambda: told)
    assert "another run has taken over this output folder (a run that has ended since)" in told
    assert state.read(lease.NAME) is None


def test_a_process_of_another_container_is_watched_though_its_number_is_nobodys_here(tmp_path):
    state = Folder(str(tmp_path))
    left_behind(state, host=socket.gethostname(), process=2**22 + 1, processes="pid:[1]")
    began = time.monotonic()
    with held(state):
        assert time.monotonic() - began >= 1.0


def test_one_whose_creation_lost_its_answer_is_ours_at_once(faulty_proxy, s3_bucket):
    state = on_s3(faulty_proxy, s3_bucket)
    state.fs.connect()
    faulty_proxy.fail("lost", 1)
    began = time.monotonic()
    with held(state):
        assert time.monotonic() - began < lease.DEAD_SECONDS
    assert faulty_proxy.injected["lost"] == 1


def test_whatever_fails_in_renewing_it_the_run_is_told(tmp_path, monkeypatch):
    told = []
    with held(Folder(str(tmp_path)), told.append) as lease:
        monkeypatch.setattr(lease, "_renew", lambda: 1 / 0)
        wait_for(lambda: told)
    assert told == ["the lease on this output folder cannot be renewed: division by zero"]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def on_s3(proxy, bucket):
    return Folder(f"s3://{bucket}/{uuid.uuid4().hex}", StorageConfig(endpoint_url=proxy.url))


def test_a_store_that_is_away_is_told_of_and_costs_no_lease(faulty_proxy, s3_bucket):
    renewed, told = [], []

    def tell(retry):
        told.append(retry)
        return False

    with held(on_s3(faulty_proxy, s3_bucket), never, lambda: renewed.append(1), tell):
        wait_for(lambda: renewed)
        faulty_proxy.fail("503", 1 << 30)
        wait_for(lambda: told)
        before = len(renewed)
        faulty_proxy.fail("", 0)
        wait_for(lambda: len(renewed) > before)
    assert "lease.json at http" in told[0].request and "trying again until" in str(told[0])
    assert told[0].reason and not told[-1].reason


def test_a_lease_that_cannot_be_renewed_is_lost(faulty_proxy, s3_bucket):
    lost = []
    with held(on_s3(faulty_proxy, s3_bucket), lost.append) as lease:
        faulty_proxy.refuse_all = True
        wait_for(lambda: lost)
        faulty_proxy.refuse_all = False
        with pytest.raises(Incomplete, match="cannot be renewed: the credentials have expired"):
            lease.check()
