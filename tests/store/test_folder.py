"""Files that appear whole or not at all, on a local disk, in memory and on S3."""

import errno
import os
import uuid

import pytest

from rm_ray.config import InputConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import list_files
from rm_ray.errors import InputError, OutputError
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.folder import CreateOnly, Folder, absolute


@pytest.fixture(params=["local", "s3"])
def folder(request, tmp_path):
    if request.param == "local":
        return Folder(str(tmp_path / "out"))
    bucket = request.getfixturevalue("s3_bucket")
    return Folder(f"s3://{bucket}/{uuid.uuid4().hex}")


def test_create_never_replaces(folder):
    assert folder.create("a", b"first")
    assert not folder.create("a", b"second")
    assert folder.read("a") == b"first"


def test_overwrite_replaces_and_remove_removes(folder):
    folder.overwrite("a", b"first")
    folder.overwrite("a", b"second")
    assert folder.read("a") == b"second"
    folder.remove("a")
    folder.remove("a")
    assert folder.read("a") is None


def test_names_are_the_files_directly_inside(folder):
    assert folder.names() == [] == folder.entries()
    folder.create("b", b"")
    folder.create("a", b"")
    (folder / "sub").create("c", b"")
    assert folder.names() == ["a", "b"] and folder.entries() == ["a", "b", "sub"]


def test_a_folder_made_by_the_console_of_s3_is_empty(s3_bucket):
    """It is a key of no bytes that ends in "/"; so are the folders in it."""
    made = Folder(f"s3://{s3_bucket}/console")
    for key in ("console/", "console/inner/", "console/inner/most/"):
        made.fs.call_s3("put_object", Bucket=s3_bucket, Key=key, Body=b"")
    run = RunFolder(OutputConfig(path=made.uri), "rewards")
    assert made.names() == [] and made.entries() == ["inner"] and not made.holds_files()
    assert run.stored() is None
    with pytest.raises(InputError, match=f"{made.uri} is an empty folder"):
        list_files(InputConfig(path=made.uri))
    (made / "inner/most").create("a", b"")
    assert made.holds_files()
    with pytest.raises(OutputError, match=r"not empty and not a run of rm_ray \(it holds inner"):
        run.stored()


def test_probe_finds_that_create_only_works_and_leaves_nothing(folder):
    probed = folder.probe()
    assert probed.create_only is CreateOnly.HONOURED and probed.conditional and not probed.lags
    assert folder.names() == []


def test_a_store_without_create_only_writes_is_found_out():
    plain = Folder("memory://plain")  # fsspec's memory store knows no create-only mode
    probed = plain.probe()
    assert probed.create("a", b"first")
    assert not probed.create("a", b"second")
    assert probed.read("a") == b"first"


@pytest.mark.parametrize("kind", ["ignored", "unknown"])
def test_what_a_store_makes_of_create_only_writes_is_told(kind, faulty_proxy, s3_bucket):
    faulty_proxy.create_only = kind
    storage = StorageConfig(endpoint_url=faulty_proxy.url)
    folder = Folder(f"s3://{s3_bucket}/{uuid.uuid4().hex}", storage).probe()
    assert folder.create_only is CreateOnly[kind.upper()] and not folder.conditional
    said = {"ignored": "takes create-only writes and overwrites", "unknown": "refuses create-only"}
    assert f"this store {said[kind]}" in folder.create_only.value
    assert folder.names() == []
    assert folder.create("a", b"first") and not folder.create("a", b"second")
    assert folder.read("a") == b"first"


def test_half_written_files_lie_in_the_scratch_folder(tmp_path, monkeypatch):
    folder = Folder(str(tmp_path / "out"), scratch=str(tmp_path / "scratch"))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.create("a", b"data")
    assert list((tmp_path / "out").iterdir()) == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_local_paths_have_one_spelling(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("a/b/") == absolute(f"file://{tmp_path}/a/b") == str(tmp_path / "a" / "b")
    assert absolute("s3://b/k/") == "s3://b/k"


def test_a_local_write_that_fails_in_passing_is_tried_again(tmp_path, monkeypatch):
    folder = Folder(str(tmp_path))
    fails = [OSError(errno.ESTALE, "Stale file handle"), OSError(errno.EIO, "Input/output error")]
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda number: real(number) if not fails else _raise(fails.pop())
    )
    assert folder.create("a", b"once") and folder.read("a") == b"once"


def _raise(error):
    raise error


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EPERM])
def test_a_file_system_without_hard_links_is_called_that(number, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_, **__: _raise(OSError(number, os.strerror(number))))
    run = RunFolder(OutputConfig(path=str(tmp_path / "out")), "rewards")
    with pytest.raises(OutputError, match=r"cannot write to .*/out: its file system has no hard l"):
        run.make_writable()
