"""A dataset on the hub: as it is now, in versions, and denied in a sentence."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import file_version, list_files
from rm_ray.corpus.parquet import open_parquet
from rm_ray.errors import InputError
from tests.conftest import ROOT
from tests.engines.hub_server import HubServer

PATH = "hf://datasets/some/texts"
PLAIN = {"compression": "none", "use_dictionary": False, "write_statistics": False}


def write(folder, name, texts):
    pq.write_table(pa.table({"text": texts}), folder / name, **PLAIN)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    write(tmp_path, "a.parquet", ["one", "two"])
    server = HubServer(tmp_path, "some/texts", "datasets")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.close()


def at(hub):
    return StorageConfig(endpoint_url=hub.url)


def listed(hub):
    return {one.path: one for one in list_files(InputConfig(path=PATH, storage=at(hub))).files}


def test_a_file_that_changes_and_keeps_its_size_is_another(hub):
    before = listed(hub)[f"{PATH}/a.parquet"]
    assert (before.size, before.version) == file_version(before.path, at(hub))
    write(hub.folder, "a.parquet", ["two", "one"])
    after = listed(hub)[f"{PATH}/a.parquet"]
    assert after.size == before.size
    assert after.version != before.version and len(after.version) == 40
    assert (after.size, after.version) == file_version(after.path, at(hub))


def test_each_listing_and_each_file_is_of_now(hub):
    assert len(listed(hub)) == 1
    write(hub.folder, "b.parquet", ["more"])
    assert len(listed(hub)) == 2
    write(hub.folder, "a.parquet", ["longer than it was before"])
    with open_parquet(f"{PATH}/a.parquet", at(hub)) as file:
        assert file.read().column("text").to_pylist() == ["longer than it was before"]


def test_who_waits_for_a_repository_finds_it_once_it_is_there(hub):
    hub.status = 404
    with pytest.raises(InputError, match=f"{PATH} does not exist"):
        listed(hub)
    hub.status = 200
    assert len(listed(hub)) == 1


def test_a_version_is_one_request(hub):
    listed(hub)
    hub.requests.clear()
    file_version(f"{PATH}/a.parquet", at(hub))
    assert hub.requests == ["POST /api/datasets/some/texts/paths-info/main"]


@pytest.mark.parametrize("status", [401, 403])
def test_the_hub_denies_in_a_sentence_and_at_once(status, hub, monkeypatch):
    hub.status = status
    with pytest.raises(InputError) as error:
        listed(hub)
    said = (
        f"cannot list {PATH}: access denied ({status}): listing {PATH} at {hub.url}, from "
        "HOST with the token (if any) found there for input.storage: grant them access to the "
        "repository, or give others by HF_TOKEN there"
    )
    before, _, after = said.partition("HOST")
    assert before in str(error.value) and after in str(error.value)
    assert len(hub.requests) == 1


def test_a_file_that_is_denied_while_it_is_read_is_not_tried_again(hub):
    (file,) = listed(hub).values()
    hub.requests.clear()
    code = f"""
from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_patiently
from rm_ray.corpus.shards import Shard
unit = ReadUnit({file.path!r}, {{}}, 0, 1, 0, (Shard({file.path!r}, 0, 2),))
config = InputConfig(path={PATH!r}, storage=StorageConfig(endpoint_url={hub.url!r}))
list(read_patiently(unit, config, ["text"]))
"""
    hub.status = 403
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "0"},  # an engine may have begun in this process
    )  # fmt: skip
    assert "Unreadable: cannot read" in done.stderr
    assert "access denied (403): reading" in done.stderr
    assert [one for one in hub.requests if "some/texts" in one] == ["GET /api/datasets/some/texts"]
