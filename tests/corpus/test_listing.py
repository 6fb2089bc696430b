"""What is found below a folder and by a glob: links are followed, once and not for ever."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import file_version, list_files
from rm_ray.corpus.listing import has_signs, list_glob
from rm_ray.errors import InputError
from rm_ray.store.folder import open_filesystem

TABLE = pa.table({"id": ["a"], "text": ["x"]})


def write(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(TABLE, path)


def link(path, target):
    """A link, made some time after its target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    os.utime(path, (10**9, 10**9), follow_symlinks=False)


@pytest.fixture
def hub(tmp_path):
    """A cache of the Hugging Face hub: blobs, and a snapshot of links to them."""
    cache = tmp_path / "hub" / "datasets--someone--texts"
    for number in range(2):
        write(cache / "blobs" / f"{number}d41d8cd98f00b204")
        name = cache / "snapshots" / "b3f1" / "data" / f"train-{number}.parquet"
        link(name, f"../../../blobs/{number}d41d8cd98f00b204")
    return cache


def list_path(*paths, planned=()):
    return list_files(InputConfig(path=[str(path) for path in paths]), planned=planned)


def test_a_linked_file_is_named_as_listed_and_is_at_reading_what_it_was_at_planning(hub):
    data = hub / "snapshots" / "b3f1" / "data"
    for path in (data, data.parent, data / "*.parquet", data / "train-0.parquet"):
        files = list_path(path).files
        assert [file.path for file in files] == sorted(map(str, data.iterdir()))[: len(files)]
        for file in files:
            assert (file.size, file.version) == file_version(file.path, StorageConfig())
            assert file.size == (data / file.path).resolve().stat().st_size


def test_linked_folders_are_followed_and_those_that_lead_back_are_not(tmp_path):
    corpus = tmp_path / "corpus"
    write(corpus / "a" / "1.parquet", tmp_path / "elsewhere" / "2.parquet")
    link(corpus / "a" / "up", corpus)
    link(corpus / "more", tmp_path / "elsewhere")
    link(tmp_path / "elsewhere" / "here", tmp_path / "elsewhere")
    expected = [str(corpus / "a" / "1.parquet"), str(corpus / "more" / "2.parquet")]
    assert [file.path for file in list_path(corpus).files] == expected
    assert [file.path for file in list_path(corpus / "**" / "*.parquet").files] == expected


def test_a_file_of_two_names_is_read_once_and_keeps_the_name_it_was_planned_by(tmp_path):
    write(tmp_path / "days" / "2.parquet")
    link(tmp_path / "days" / "1.parquet", "2.parquet")
    link(tmp_path / "latest", "days")
    names = [str(tmp_path / name) for name in ("days/1.parquet", "days/2.parquet")]
    names += [str(tmp_path / "latest" / f"{number}.parquet") for number in (1, 2)]
    corpus = list_path(tmp_path, tmp_path / "days" / "2.parquet")
    assert [file.path for file in corpus.files] == names[:1]
    said = f"3 files that are read under another name, first {names[1]}"
    assert corpus.passed_over == said
    (file,) = list_path(tmp_path, planned={names[3]}).files
    (same,) = list_path(names[0], planned={names[3]}).files  # which is not listed
    assert same.path == file.path
    assert file.path == names[3]


def test_the_blobs_of_a_cache_are_read_under_their_names_and_not_passed_over(hub):
    corpus = list_path(hub)
    assert len(corpus.files) == 2 and corpus.passed_over == ""


def test_a_link_to_nowhere_is_listed_so_that_it_is_missed(tmp_path):
    write(tmp_path / "a.parquet")
    link(tmp_path / "b.parquet", "gone")
    link(tmp_path / "c.parquet", "c.parquet")
    files = list_path(tmp_path).files
    assert [(file.path[-9:], file.size > 0) for file in files] == [
        ("a.parquet", True), ("b.parquet", False), ("c.parquet", False)
    ]  # fmt: skip


GLOBS = ["*.parquet", "*/*.parquet", "a/*", "**/*.parquet", "**", "a/**/[12].parquet", "?/?/*.pq"]


@pytest.mark.parametrize("glob", GLOBS)
def test_a_glob_means_what_it_means_to_fsspec(tmp_path, glob):
    write(*(tmp_path / f"{name}.parquet" for name in ("0", "a/1", "a/b/2", "a/b/c/3")))
    shutil.copy(tmp_path / "0.parquet", tmp_path / "a" / "b" / "4.pq")
    fs, pattern = LocalFileSystem(), str(tmp_path / glob)
    expected = sorted(path for path in fs.glob(pattern) if fs.isfile(path))
    listed, meant = list_glob(fs, pattern)
    assert expected and [file.path for file in listed if meant.match(file.path)] == expected


def test_a_store_is_listed_as_a_folder_is(s3_bucket):
    fs = open_filesystem("s3://", StorageConfig())
    for name in ("x/0.parquet", "x/a/1.parquet", "x/a/b/2.PARQUET", "x/.h/3.parquet"):
        fs.pipe(f"{s3_bucket}/listing/{name}", b"PAR1")
    fs.touch(f"{s3_bucket}/listing/x/a/")  # as consoles of stores mark a folder
    top = f"s3://{s3_bucket}/listing/x"
    for path, names in {
        top: ["/0.parquet", "/a/1.parquet", "/a/b/2.PARQUET"],
        f"{top}/*/*.parquet": ["/.h/3.parquet", "/a/1.parquet"],
        f"{top}/a*/**": ["/a/1.parquet", "/a/b/2.PARQUET"],
        f"{top}/a/1.parquet": ["/a/1.parquet"],
    }.items():
        files = list_path(path).files
        assert [file.path.removeprefix(top) for file in files] == names
        for file in files:
            assert (file.size, file.version) == file_version(file.path, StorageConfig())
    assert list_path(top).passed_over.startswith("1 Parquet files that are hidden")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may list every folder")
def test_a_folder_that_cannot_be_listed_is_not_left_out_in_silence(tmp_path):
    write(tmp_path / "a.parquet", tmp_path / "locked" / "b.parquet")
    (tmp_path / "lost+found").mkdir(mode=0)
    (tmp_path / "locked").chmod(0)
    with pytest.raises(InputError, match=rf"cannot list {tmp_path}: .*denied: '{tmp_path}/locked'"):
        list_path(tmp_path)
    (tmp_path / "locked").chmod(0o755)
    assert len(list_path(tmp_path).files) == 2


def test_the_query_of_an_address_is_no_glob():
    assert not has_signs("https://host/x.parquet?download=true")
    assert has_signs("s3://bucket/x?.parquet") and has_signs("https://host/*.parquet")
