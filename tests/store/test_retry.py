"""Trying again: one layer of it, for as long as is said, and told of."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import file_version
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.store import retry
from rm_ray.store.access import Request
from rm_ray.store.denied import Denied
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience, may_pass, patiently
from tests.chaos.proxy import BlackHole
from tests.conftest import free_port

REQUEST = Request("writing", "s3://out/part", StorageConfig(endpoint_url="http://s"), "output")
ONCE = Patience(0)


@pytest.fixture
def black_hole(s3_bucket):
    hole = BlackHole()
    yield hole
    hole.close()


def read_unit(storage):
    path = "s3://corpora/in.parquet"
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),))
    list(read_patiently(unit, InputConfig(path=path, storage=storage), ["text"], patience=ONCE))


@pytest.mark.parametrize(
    "ask",
    [
        lambda folder: folder.read("a"),
        lambda folder: folder.names(),
        lambda folder: folder.remove("a"),
        lambda folder: folder.overwrite("a", b"few"),
        lambda folder: folder.create("a", b"few"),
        lambda folder: folder.create("a", bytes(12 << 20)),  # more than fits in any buffer
        lambda folder: folder.probe(),
        lambda folder: read_unit(folder.storage),
        lambda folder: file_version("s3://corpora/in.parquet", folder.storage),
    ],
    ids=["read", "list", "remove", "overwrite", "create", "create much", "probe", "unit", "stat"],
)
def test_one_try_of_a_store_that_never_answers_is_one_connection(ask, black_hole, monkeypatch):
    """Three layers that tried again made 75 of one read, and a write never came back."""
    monkeypatch.setattr("rm_ray.store.filesystem.SLOWEST_UPLOAD", 100 << 20)
    storage = StorageConfig(endpoint_url=black_hole.url, timeout_s=1)
    Folder("s3://corpora/out", storage).fs.connect()  # the client takes its time to be made
    with pytest.raises(Exception, match=r"[Tt]imeout|no answer in time"):
        ask(Folder("s3://corpora/out", storage, patience=ONCE))
    assert black_hole.connections == 1


class Clock:
    """Time that goes on only where somebody waits."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        real = retry.time
        monkeypatch.setattr(retry, "time", SimpleNamespace(
            monotonic=lambda: self.now, time=lambda: self.now, strftime=real.strftime,
            localtime=real.localtime,
        ))  # fmt: skip

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


class Store:
    """Fails so many times, each after so many seconds."""

    def __init__(self, clock, failures, seconds, error=None):
        self.clock, self.failures, self.seconds = clock, failures, seconds
        self.error = error or OSError(5, "it is away")
        self.tries = 0

    def __call__(self):
        self.tries += 1
        if self.tries <= self.failures:
            self.clock.wait(self.seconds)
            raise self.error
        return "there"


def test_pauses_grow_and_the_news_are_told_from_the_second_failure_on(clock):
    told, pauses = [], []

    def sleep(seconds):
        pauses.append(seconds)
        clock.wait(seconds)

    store = Store(clock, 9, 0)
    assert patiently(store, REQUEST, Patience(900, told.append, sleep)) == "there"
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [one.first for one in told] == [True] + [False] * 8
    since, until = retry._clock(1000), retry._clock(1900)
    assert str(told[0]) == (
        f"writing s3://out/part at http://s fails since {since} ([Errno 5] it is away); "
        f"trying again until {until}"
    )
    assert str(told[-1]) == "writing s3://out/part at http://s works again, after 122 s"
    told.clear()
    assert patiently(Store(clock, 1, 0), REQUEST, Patience(900, told.append, sleep)) == "there"
    assert told == []


@pytest.mark.parametrize(("patience", "tries"), [(60, 2), (900, 18)])
def test_a_silent_store_costs_patience_and_at_most_a_timeout_more(clock, patience, tries):
    told = []
    store = Store(clock, 99, 30)  # REQUEST's timeout_s
    with pytest.raises(OSError, match="it is away"):
        patiently(store, REQUEST, Patience(patience, told.append, clock.wait))
    assert store.tries == tries
    assert 1000 + patience <= clock.now <= 1000 + patience + 30.5
    assert (told[0].since, told[0].until) == (1000, 1000 + patience)
    assert told[0].next_s and not told[-1].next_s


def test_a_good_connection_that_breaks_after_long_is_tried_again(clock):
    store = Store(clock, 1, 500)
    assert patiently(store, REQUEST, Patience(60, sleep=clock.wait)) == "there"


def test_what_looks_like_a_bad_file_is_not_tried_for_long(clock):
    store = Store(clock, 99, 0, OSError("Corrupt footer"))
    with pytest.raises(OSError, match="Corrupt"):
        patiently(store, REQUEST, Patience(60, sleep=clock.wait))
    assert 2 <= store.tries <= 4 and clock.now <= 1003


def test_who_is_told_may_have_it_tried_on(clock):
    """As reading, while the run is paused."""
    answers = iter([True] * 20 + [False])
    store = Store(clock, 99, 30)
    with pytest.raises(OSError, match="it is away"):
        patiently(store, REQUEST, Patience(60, lambda _: next(answers), clock.wait))
    assert store.tries == 21


def test_one_line_when_it_is_tried_again_and_one_when_it_works(clock, caplog):
    patiently(Store(clock, 5, 0), REQUEST, Patience(60, sleep=clock.wait))
    first, last = caplog.messages
    assert "fails since" in first and "trying again until" in first and "works again" in last


def answered(code, status, kind=OSError):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = kind(5, code)
    error.__cause__ = ClientError(answer, "PutObject")
    return error


@pytest.mark.parametrize(
    ("code", "status", "passes"),
    [
        ("SlowDown", 503, True), ("InternalError", 500, True), ("RequestTimeout", 400, True),
        ("ConditionalRequestConflict", 409, True), ("TooManyRequests", 429, True),
        ("InvalidBucketName", 400, False), ("PermanentRedirect", 301, False),
        ("AccessDenied", 403, False), ("NotImplemented", 501, False),
        ("XMinioStorageFull", 507, False),
    ],
)  # fmt: skip
def test_what_blames_the_request_is_not_tried_again(code, status, passes):
    assert may_pass(answered(code, status)) is passes


def test_a_bad_file_in_the_store_is_a_bad_file(s3_bucket):
    folder = Folder(f"s3://{s3_bucket}/bad")
    folder.overwrite("a.parquet", b"PAR1 and no more PAR1")
    path = f"{folder.uri}/a.parquet"
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),))
    with pytest.raises(Unreadable) as error:
        list(read_patiently(unit, InputConfig(path=path), ["text"], patience=ONCE))
    assert error.value.bad_file


def test_credentials_that_a_process_of_a_run_does_not_find_may_come(s3_bucket, monkeypatch):
    """What hands them out to machines is asked by all of them at once."""
    storage = StorageConfig(region="eu-west-1")  # a client of its own
    folder = Folder(f"s3://{s3_bucket}", storage, patience=Patience(60, has_asked=True))
    known = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in known:
        monkeypatch.delenv(name)

    def come(_):
        for name, value in known.items():
            monkeypatch.setenv(name, value)

    with pytest.raises(Denied, match="no credentials"):
        replace(folder, patience=Patience(60, sleep=come)).create("late", b"")  # of one who begins
    tried = replace(folder, patience=Patience(60, sleep=come, has_asked=True))
    assert tried.create("late", b"") and tried.read("late") == b""


def test_who_gives_out_credentials_may_be_away_for_as_long_as_one_is_patient(
    s3_bucket, monkeypatch
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    nobody = f"http://127.0.0.1:{free_port()}/credentials"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", nobody)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    pauses = []
    patience = Patience(1, sleep=pauses.append, has_asked=True)
    folder = Folder(f"s3://{s3_bucket}", StorageConfig(region="eu-west-2"), patience=patience)
    with pytest.raises(Denied, match=r"no credentials .*Error when retrieving credentials"):
        folder.create("a", b"")
    assert pauses


def test_credentials_that_never_come_are_waited_for_a_minute(clock):
    store = Store(clock, 1 << 30, 1, NoCredentialsError())
    storage = StorageConfig(endpoint_url="http://s")
    request = Request("writing", "memory://out/part", storage, "output")
    patience = Patience(900, sleep=clock.wait, has_asked=True)
    for until in (1060, 1062):  # the second time it does not hope for long
        with pytest.raises(OSError, match="Unable to locate credentials"):
            patiently(store, request, patience)
        assert until <= clock.now <= until + 5
    patiently(lambda: "there", request, patience)
    with pytest.raises(OSError, match="Unable to locate credentials"):
        patiently(store, request, patience)
    assert clock.now > 1120
