"""Google's and Azure's stores, by their emulators: fresh, whole, once, and denied in a sentence."""

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import file_version, list_files
from rm_ray.corpus.parquet import Unreadable, open_file, open_parquet
from rm_ray.corpus.paths import check_apart
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.errors import InputError, OutputError
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.denied import Denied
from rm_ray.store.folder import CreateOnly, Folder, place, same_store
from rm_ray.store.retry import Patience
from tests import clouds
from tests.chaos.proxy import BlackHole
from tests.conftest import ROOT

AT_ONCE = Patience(60, sleep=lambda _: None)
ONCE = Patience(0)
# Behind such a line, gcsfs loses what a file holds.
LINES = b"A mail.\n--==0==\nContent-Type: text/plain\n\nIts text.\n--==0==--\nThe rest."


@pytest.fixture
def folder(cloud):
    return Folder(f"{cloud}/{uuid.uuid4().hex}")


def elsewhere(folder, name, data):
    """Another process writes a file."""
    code = (
        "from rm_ray.store.folder import Folder; "
        f"Folder({folder.uri!r}).overwrite({name!r}, {data!r})"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_what_another_process_writes_is_seen_and_read_whole(folder):
    folder.create("a.parquet", b"short")
    config = InputConfig(path=f"{folder.uri}/*.parquet")
    assert folder.names() == ["a.parquet"] and len(list_files(config).files) == 1
    (before,) = list_files(config).files
    assert (before.size, before.version) == file_version(before.path, StorageConfig())
    elsewhere(folder, "b.parquet", b"")
    elsewhere(folder, "a.parquet", b"much longer than before")
    assert folder.names() == ["a.parquet", "b.parquet"]
    after, _ = list_files(config).files
    assert after.size == 23 and after.version != before.version
    assert (after.size, after.version) == file_version(after.path, StorageConfig())
    with open_file(after.path, StorageConfig()) as file:
        assert file.read() == b"much longer than before"


def test_a_file_that_keeps_its_size_has_another_version(folder):
    folder.overwrite("a", b"one")
    before = file_version(f"{folder.uri}/a", StorageConfig())
    folder.overwrite("a", b"two")
    after = file_version(f"{folder.uri}/a", StorageConfig())
    assert before[0] == after[0] and before[1] and before[1] != after[1]


def test_files_are_created_once_replaced_and_removed(folder):
    assert folder.probe().create_only is CreateOnly.HONOURED
    assert folder.names() == []
    assert folder.create("a", b"first") and not folder.create("a", b"second")
    assert folder.read("a") == b"first"
    folder.overwrite("a", b"third")
    assert folder.read("a") == b"third" and folder.size("a") == 5
    (folder / "sub").create("b", LINES)
    assert (folder / "sub").read("b") == LINES
    assert folder.names() == ["a"] and folder.entries() == ["a", "sub"]
    folder.remove("a")
    folder.remove("a")
    assert folder.read("a") is None and folder.holds_files()


def test_of_eight_that_create_at_once_one_does(folder):
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: folder.create("a", bytes([n])), range(8)))
    assert won.count(True) == 1 and folder.read("a") == bytes([won.index(True)])


def test_a_file_is_one_request_however_large(cloud_proxy, folder):
    """gcsfs would cut it at 50 MiB, Azure's client at 64."""
    data = bytes(65 << 20)
    folder = replace(folder, storage=cloud_proxy.storage)
    folder.create("a", b"")  # with what a client asks for once
    cloud_proxy.asked.clear()
    assert folder.create("large", data)
    assert len(cloud_proxy.asked) == 1, cloud_proxy.asked
    assert folder.size("large") == len(data)
    folder.remove("large")


@pytest.mark.parametrize("kind", ["503", "500", "reset"])
def test_what_passes_is_tried_again_and_told(kind, cloud_proxy, folder, caplog):
    """Of a connection that breaks before an answer, aiohttp makes a second try by itself."""
    folder.create("a", b"data")
    folder = replace(folder, storage=cloud_proxy.storage, patience=AT_ONCE)
    faults = 4 if kind == "reset" else 2
    cloud_proxy.fail(kind, faults)
    assert folder.read("a") == b"data"
    assert cloud_proxy.injected[kind] == faults == len(cloud_proxy.asked) - 1
    first, last = (one.getMessage() for one in caplog.records if one.name.startswith("rm_ray"))
    assert f"reading {folder.uri}/a at {cloud_proxy.url}" in first and "fails since" in first
    assert "works again" in last
    cloud_proxy.fail(kind, faults)
    assert folder.create("b", b"") and cloud_proxy.injected[kind] == 2 * faults
    cloud_proxy.fail(kind, faults)
    assert folder.names() == ["a", "b"] and cloud_proxy.injected[kind] == 3 * faults


def test_a_body_that_is_cut_short_is_read_again(cloud_proxy, folder):
    folder.create("a", b"data")
    folder = replace(folder, storage=cloud_proxy.storage, patience=AT_ONCE)
    cloud_proxy.fail("truncate", 2)
    assert folder.read("a") == b"data" and cloud_proxy.injected["truncate"] == 2


@pytest.mark.parametrize("cloud", ["az"], indirect=True)
def test_a_file_whose_answer_was_lost_is_there_once(cloud_proxy, folder):
    folder = replace(folder, storage=cloud_proxy.storage, patience=AT_ONCE)
    cloud_proxy.fail("lost", 1)
    assert not folder.create("a", b"data") and folder.read("a") == b"data"


def test_one_try_is_one_request(cloud_proxy, folder):
    folder = replace(folder, storage=cloud_proxy.storage, patience=ONCE)
    for ask in (folder.names, lambda: folder.read("a"), lambda: folder.create("a", b""),
                lambda: folder.remove("a")):  # fmt: skip
        cloud_proxy.asked.clear()
        cloud_proxy.fail("503", 99)
        with pytest.raises(OSError, match=r"503|SlowDown"):
            ask()
        assert len(cloud_proxy.asked) == 1


def test_a_store_that_never_answers_costs_the_timeout(folder, monkeypatch):
    monkeypatch.setattr("rm_ray.store.filesystem.SLOWEST_UPLOAD", 100 << 20)
    hole = BlackHole()
    storage = StorageConfig(endpoint_url=f"{hole.url}/{clouds.ACCOUNT}", timeout_s=1)
    folder = replace(folder, storage=storage, patience=ONCE)
    try:
        for number, ask in enumerate(
            (folder.names, lambda: folder.create("a", bytes(12 << 20))), 1
        ):
            with pytest.raises(OSError, match=r"[Tt]imeout|no answer in time"):
                ask()
            assert hole.connections == number
    finally:
        hole.close()


DENIED = '{"error": {"code": 403, "message": "somebody does not have storage.objects.get access"}}'


@pytest.fixture
def denied(cloud, cloud_proxy, monkeypatch):
    """The store, which denies everything, and what is said of each verb."""
    if cloud.startswith("gs"):
        cloud_proxy.denial, cloud_proxy.refuse_all = DENIED, True
        return cloud_proxy, "access denied (Forbidden: ", {
            "listing": "grant them storage.objects.list, or give others by GOOGLE_APPLICATION_CR",
            "writing": "grant them storage.objects.create and storage.objects.delete, or",
        }  # fmt: skip
    wrong = clouds.connection_string(cloud_proxy.url, f"{'A' * 86}==")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", wrong)
    remedy = "let this machine's network in, and grant the role Storage Blob Data Reader or Storage"
    why = "the account's network rules or its roles deny it (AuthorizationFailure)"
    return cloud_proxy, why, dict.fromkeys(("listing", "writing"), remedy)


def test_denied_access_says_all_about_it_at_once(denied, folder):
    proxy, why, remedies = denied
    folder = replace(folder, storage=proxy.storage)
    proxy.asked.clear()
    with pytest.raises(InputError) as listing:
        list_files(InputConfig(path=folder.uri, storage=proxy.storage))
    assert len(proxy.asked) <= 3
    with pytest.raises(Denied) as writing:
        folder.probe()
    for verb, error in (("listing", listing), ("writing", writing)):
        said = str(error.value)
        assert why in said and remedies[verb] in said
        assert f": {verb} {folder.uri}" in said and f" at {proxy.storage.endpoint_url}, fr" in said
    assert "input.storage" in str(listing.value) and "output.storage" in str(writing.value)


def test_denied_reading_is_no_bad_file(denied, folder):
    """gcsfs raises an error for it that looks like Arrow's for a bad file."""
    proxy, why, _ = denied
    path = f"{folder.uri}/a.parquet"
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),))
    with pytest.raises(Unreadable) as error:
        list(read_patiently(unit, InputConfig(path=path, storage=proxy.storage), ["text"]))
    assert why in str(error.value)
    assert not error.value.bad_file and not error.value.may_pass


def test_parquet_is_read_by_ranges(folder):
    table = pa.table({"text": [f"document {n}" * 100 for n in range(20_000)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=1000, compression="none")
    folder.create("a.parquet", sink.getvalue().to_pybytes())
    with open_parquet(f"{folder.uri}/a.parquet", StorageConfig(), range(20), ["text"]) as file:
        assert file.read_row_group(7).equals(table.slice(7000, 1000))
        assert file.read().equals(table)


def test_a_corpus_in_the_output_folder_is_found_by_any_spelling(cloud):
    host = f"{clouds.ACCOUNT}.dfs.core.windows.net"
    spellings = {
        "gs": ["gs://corpora/out", "gcs://corpora/out/"],
        "az": ["az://corpora/out", "abfs://corpora/out/", "abfss://corpora/out"],
    }[cloud[:2]]
    for one in spellings:
        for other in spellings:
            with pytest.raises(InputError, match="lies in this run's own output folder"):
                check_apart(InputConfig(path=f"{one.rstrip('/')}/x"), OutputConfig(path=other))
    elsewhere = StorageConfig(endpoint_url="http://elsewhere")
    assert not same_store(place(spellings[0]), StorageConfig(), elsewhere)
    named, other = f"abfs://corpora@{host}/out", "abfss://corpora@another.dfs.core.windows.net/out"
    assert place(named) == place(named.replace("abfs:", "abfss:")) != place(other)


def test_keys_of_s3_are_refused(cloud):
    for key in ("profile", "environment_prefix"):
        storage = StorageConfig.model_validate({key: "X"})
        with pytest.raises(InputError, match=f"storage.{key} names credentials of S3, and .* set "):
            list_files(InputConfig(path=f"{cloud}/x", storage=storage))


def test_a_client_that_is_not_installed_names_the_extra(cloud, monkeypatch):
    client, extra = {"gs": ("gcsfs", "gcs"), "az": ("adlfs", "azure")}[cloud[:2]]
    monkeypatch.setitem(sys.modules, client, None)
    with pytest.raises(InputError, match=rf"needs {client}, .* pip install 'rm_ray\[{extra}\]'"):
        list_files(InputConfig(path=f"{cloud}/x"))


def test_google_without_credentials_is_a_sentence(monkeypatch, tmp_path):
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    said = (
        r"no credentials on .*Your default credentials were not found.* set GOOGLE_APPLICATION_CRE"
    )
    with pytest.raises(InputError, match=said):
        list_files(InputConfig(path="gs://corpora/x"))
    with pytest.raises(OutputError, match=said):
        RunFolder(OutputConfig(path="gs://corpora/x"), "rewards")


def test_azure_without_an_account_is_a_sentence(monkeypatch):
    for name in ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"no account: az://corpora/x names none, nor does the en"):
        list_files(InputConfig(path="az://corpora/x"))


@pytest.mark.parametrize("cloud", ["az"], indirect=True)
def test_the_account_that_an_address_names_stays_in_its_files(folder):
    folder.create("sub/a.parquet", b"")
    container, _, path = folder.uri.removeprefix("az://").partition("/")
    named = f"abfs://{container}@{clouds.ACCOUNT}.dfs.core.windows.net/{path}"
    (file,) = list_files(InputConfig(path=named)).files
    assert file.path == f"{named}/sub/a.parquet"
    assert (file.size, file.version) == file_version(file.path, StorageConfig())
    other = named.replace(clouds.ACCOUNT, "another")
    with pytest.raises(
        InputError, match=f"names another account than .* leads to {clouds.ACCOUNT};"
    ):
        list_files(InputConfig(path=other))
    with pytest.raises(OutputError, match="names another account"):
        RunFolder(OutputConfig(path=other), "rewards")
