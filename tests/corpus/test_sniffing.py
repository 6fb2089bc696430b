"""Parquet files whose names do not say so are found, and files of other kinds are not opened."""

import errno
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import list_files
from rm_ray.corpus.parquet import open_parquet
from rm_ray.corpus.sniffing import may_be_parquet
from rm_ray.errors import InputError
from rm_ray.store.folder import open_filesystem

OTHER = b"some text that is no Parquet"


@pytest.fixture
def parquet(tmp_path_factory):
    """The bytes of a Parquet file of two rows."""
    path = tmp_path_factory.mktemp("parquet") / "made"
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["x", "y"]}), path)
    return path.read_bytes()


@pytest.fixture
def opened(monkeypatch):
    """The names of the local files whose first bytes are read."""
    names = []
    cat_file = LocalFileSystem.cat_file

    def recorded(self, path, start=None, end=None):
        assert (start, end) == (0, 4)
        names.append(path.rpartition("/")[2])
        return cat_file(self, path, start=start, end=end)

    monkeypatch.setattr(LocalFileSystem, "cat_file", recorded)
    return names


def write(root, content, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read(root, path=""):
    """Names below root of the files that a path stands for, and what is said of the rest."""
    found = list_files(InputConfig(path=f"{root}/{path}".rstrip("/")))
    return [file.path.removeprefix(f"{root}/") for file in found.files], found.passed_over


WITHOUT = [
    "20240101_000000_00000_abcde", "a.parquet", "b.parquet.gzip", "data.0", "data.1",
    "ds=1/000001_0", "part-0.c000", "v1.2_x",
]  # fmt: skip


def test_files_are_read_whose_names_do_not_say_that_they_are_parquet(tmp_path, parquet):
    write(tmp_path, parquet, *WITHOUT)
    assert read(tmp_path) == (WITHOUT, "")
    for name in WITHOUT:
        with open_parquet(f"{tmp_path}/{name}", StorageConfig()) as file:
            assert file.metadata.num_rows == 2


@pytest.mark.parametrize("path", ["ds=1/000001_0", "ds=1/*_0", "**/0*", "ds=1"])
def test_a_file_a_glob_and_a_folder_find_the_same_file(tmp_path, parquet, path):
    write(tmp_path, parquet, "ds=1/000001_0")
    assert read(tmp_path, path) == (["ds=1/000001_0"], "")


def test_hidden_names_are_not_opened(tmp_path, parquet, opened):
    write(tmp_path, parquet, "000000_0", "_temporary/000001_0", ".part-0.c000", "_a")
    assert read(tmp_path) == (["000000_0"], "")
    assert opened == ["000000_0"]


KINDS = ["a.txt", "b.JSON", "c.csv.gz", "d.png", "e.safetensors", "f.crc", "g.parquet.tmp", "h.npy"]


def test_files_of_other_kinds_and_very_small_ones_are_not_opened(tmp_path, parquet, opened):
    write(tmp_path, parquet, "000000_0", "z.parquet", *KINDS)
    write(tmp_path, b"PAR1 PAR1 x", "small")
    said = f"4 files that are not Parquet, first {tmp_path}/b.JSON"
    assert read(tmp_path) == (["000000_0", "z.parquet"], said)
    assert opened == ["000000_0"]


def test_a_name_that_is_an_ending_alone_tells_no_kind():
    assert may_be_parquet("logs/log") and may_be_parquet("x.csv/000000_0")
    assert not may_be_parquet("logs/a.log") and not may_be_parquet("a.b/c.PQ")


def test_a_few_files_of_each_group_are_opened_if_none_of_these_is_parquet(tmp_path, opened):
    write(tmp_path, OTHER, *(f"{n:03}_0" for n in range(100)), *(f"x.{n}" for n in range(64)))
    write(tmp_path, OTHER, "a.xyz", "b.c000", "b.c001")
    with pytest.raises(InputError, match="holds 167 files and no Parquet file"):
        read(tmp_path)
    # of 100 every fourth, of 64 every second
    few = [f"{n:03}_0" for n in range(0, 100, 4)]
    numbered = sorted(f"x.{n}" for n in range(64))[::2]
    assert sorted(opened) == sorted([*few, *numbered, "a.xyz", "b.c000", "b.c001"])


def test_each_file_of_a_group_is_opened_once_where_one_of_the_first_is_parquet(
    tmp_path, parquet, opened
):
    names = [f"{n:03}_0" for n in range(100)]
    write(tmp_path, OTHER, *names)
    write(tmp_path, parquet, "004_0", "005_0")
    said = f"98 files that are not Parquet, first {tmp_path}/000_0"
    assert read(tmp_path) == (["004_0", "005_0"], said)
    assert sorted(opened) == names


def test_endings_that_are_no_words_are_one_group(tmp_path, opened):
    write(tmp_path, OTHER, *(f"www.site{n}.org_page_{n:03}" for n in range(64)))
    with pytest.raises(InputError, match="no Parquet file"):
        read(tmp_path)
    assert len(opened) == 32


def test_a_file_with_an_encrypted_footer_is_found_so_that_its_reader_says_what_is_wrong(tmp_path):
    write(tmp_path, b"PARE" + bytes(20) + b"PARE", "000000_0")
    assert read(tmp_path) == (["000000_0"], "")


def test_a_blob_is_not_read_beside_the_link_that_names_it(tmp_path, parquet, opened):
    write(tmp_path, parquet, "blobs/d41d8cd98f00b204")
    (tmp_path / "train.parquet").symlink_to("blobs/d41d8cd98f00b204")
    assert read(tmp_path) == (["train.parquet"], "")
    assert opened == []


def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path, parquet, monkeypatch):
    def fail(self, path, start, end):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    write(tmp_path, parquet, "a.parquet", "secret")
    monkeypatch.setattr(LocalFileSystem, "cat_file", fail)
    said = (
        f"cannot read {tmp_path}/secret to see whether it is Parquet: .*denied.*; make it readable"
    )
    with pytest.raises(InputError, match=f"^input.path: {said}, or give a glob that leaves"):
        read(tmp_path)
    assert read(tmp_path, "*.parquet") == (["a.parquet"], "")


def test_first_bytes_are_read_from_a_store_too(s3_bucket, faulty_proxy, parquet):
    top, storage = f"s3://{s3_bucket}/unnamed", StorageConfig(endpoint_url=faulty_proxy.url)
    fs = open_filesystem(top, storage)
    fs.pipe(
        {f"{top}/ds=1/000001_0": parquet, f"{top}/LICENSE": OTHER, f"{top}/x.c000": parquet,
         f"{top}/empty": b""}
    )  # fmt: skip
    found = list_files(InputConfig(path=top, storage=storage))
    assert [file.path for file in found.files] == [f"{top}/ds=1/000001_0", f"{top}/x.c000"]
    assert found.passed_over == f"2 files that are not Parquet, first {top}/LICENSE"
