"""Which files a corpus has, and what is refused before anything is read."""

import sys
from functools import partial

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.registry import _registry as LOADED

from rm_ray.config import InputConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import InputFile, list_files
from rm_ray.corpus.footers import Footer, check_columns
from rm_ray.engines.stored import list_stored
from rm_ray.errors import InputError, JudgeError
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience, patiently


@pytest.fixture
def tree(tmp_path):
    table = pa.table({"id": ["a"], "text": ["x"]})
    for name in (
        "b.parquet",
        "year=2024/lang=e%20n/a.parquet",
        "_rm_ray/c.parquet",
        ".h/d.parquet",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def paths(tree, path):
    found = list_files(InputConfig(path=path)).files
    return [file.path.removeprefix(f"{tree}/") for file in found]


def test_a_folder_is_searched_and_hidden_names_are_left_out(tree):
    assert paths(tree, str(tree)) == ["b.parquet", "year=2024/lang=e%20n/a.parquet"]


def test_a_glob_and_a_list_give_each_file_once(tree):
    glob = str(tree / "*.parquet")
    assert paths(tree, glob) == ["b.parquet"]
    assert paths(tree, [glob, str(tree / "b.parquet"), str(tree)])[0] == "b.parquet"
    assert len(paths(tree, [glob, str(tree)])) == 2


def test_hive_folders_become_columns(tree):
    (file,) = (f for f in list_files(InputConfig(path=str(tree))).files if "year" in f.path)
    assert file.partition == {"year": "2024", "lang": "e n"}


def test_a_hive_value_that_is_no_utf8_is_refused(tmp_path):
    """Two of them would both be shown with a replacement character, and be one value."""
    for value in ("caf%C3%A9", "caf%E9"):
        folder = tmp_path / f"name={value}"
        folder.mkdir()
        pq.write_table(pa.table({"text": ["x"]}), folder / "a.parquet")
    assert paths(tmp_path, f"{tmp_path}/name=caf%C3%A9") == ["name=caf%C3%A9/a.parquet"]
    with pytest.raises(InputError, match=r"the value of the folder name=caf%E9 is not UTF-8"):
        paths(tmp_path, str(tmp_path))


def test_the_null_partition_of_hive_is_null(tmp_path):
    folder = tmp_path / "lang=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir()
    pq.write_table(pa.table({"text": ["x"]}), folder / "a.parquet")
    (file,) = list_files(InputConfig(path=str(tmp_path))).files
    assert file.partition == {"lang": None}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "does not exist"),
        ("*.csv", "nothing matches"),
        ("empty", "is an empty folder"),
        ("texts", "holds 1 files and no Parquet file"),
    ],
)
def test_what_cannot_be_a_corpus_is_refused(tree, path, message):
    (tree / "empty").mkdir()
    (tree / "texts").mkdir()
    (tree / "texts" / "a.jsonl").write_text("{}")
    with pytest.raises(InputError, match=message):
        list_files(InputConfig(path=str(tree / path)))


@pytest.mark.parametrize("scheme", ["gopher", "sftp", "webhdfs", "hdfs", "smb", "simplecache::s3"])
def test_a_store_that_is_not_known_is_refused_by_name(scheme):
    said = rf"path is {scheme}://x/y: {scheme.partition('::')[0]}:// is no store that rm_ray knows"
    for section in (InputConfig, OutputConfig):
        with pytest.raises(ValueError, match=f"{said}; mount it as a folder, or copy the files"):
            section(path=f"{scheme}://x/y")
    with pytest.raises(JudgeError, match=r"judge.model: cannot list sftp://x/y: path is sftp://x/"):
        list_stored("sftp://x/y", StorageConfig(), code=False)


@pytest.mark.parametrize("scheme", ["hf", "http", "https"])
def test_what_is_only_read_is_no_output(scheme):
    with pytest.raises(ValueError, match=f"{scheme}:// is only read, and never written; give a"):
        OutputConfig(path=f"{scheme}://x/y")
    with pytest.raises(ValueError, match=f"{scheme}:// is only read"):
        Folder(f"{scheme}://x/y").create("a", b"")


def test_the_hub_that_cannot_be_reached_is_a_sentence(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    fsspec.get_filesystem_class("hf").clear_instance_cache()
    once = partial(patiently, patience=Patience(0))
    monkeypatch.setattr("rm_ray.corpus.paths.patiently", once)
    path = "hf://datasets/someone/texts"
    with pytest.raises(
        InputError, match=rf"cannot list {path}: .*ConnectError.*give their folder\)$"
    ):
        list_files(InputConfig(path=path))


def test_the_hubs_package_that_is_missing_is_a_sentence(monkeypatch):
    monkeypatch.delitem(LOADED, "hf", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"cannot list hf://x/y: .*huggingface_hub.*package"):
        list_files(InputConfig(path="hf://x/y"))


def check(schema, partition=None, **config):
    file = InputFile("f.parquet", 1, "v", partition or {})
    footer = Footer(rows=[], text_bytes=[], schema=pa.schema(schema))
    check_columns(file, footer, InputConfig(path="x", **config))


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"no column 'text'; it has body, id"):
        check({"body": pa.string(), "id": pa.string()})
    with pytest.raises(InputError, match=r"input.id.*'id' \(--input.id null for none\)"):
        check({"text": pa.string()})


def test_text_must_be_text():
    with pytest.raises(InputError, match=r"'n' of f.parquet is int64, not text; text columns: id"):
        check({"n": pa.int64(), "id": pa.string()}, text="n")
    for kind in (
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ):
        check({"text": kind, "id": pa.int64()})


def test_a_text_column_that_is_null_throughout_holds_no_document():
    check({"text": pa.null(), "id": pa.int64()})


def test_fields_of_structs_are_columns_too():
    doc = pa.struct([("text", pa.string()), ("n", pa.struct([("url", pa.string())]))])
    check({"doc": doc}, text="doc.text", id="doc.n.url", keep=["doc.n"])
    with pytest.raises(
        InputError, match=r"'n' of f.parquet is int64, not text; .*: doc.text, doc.n"
    ):
        check({"doc": doc, "n": pa.int64()}, text="n", id=None)
    with pytest.raises(
        InputError, match=r"input.keep: f.parquet has no column 'doc.m'; it has doc;"
    ):
        check({"doc": doc}, text="doc.text", id=None, keep=["doc.m"])


def test_lists_are_not_walked():
    turns = pa.list_(pa.struct([("text", pa.string())]))
    schema = {"turns": turns, "doc": pa.struct([("turns", turns)])}
    for name in ("turns.text", "doc.turns.text"):
        with pytest.raises(
            InputError, match=rf"input.text: '{name}' cannot be .* 'turns' is list<"
        ):
            check(schema, text=name, id=None)


def test_a_name_that_two_columns_have_is_refused_where_it_is_needed():
    twice = pa.schema([("text", pa.string()), ("n", pa.int64()), ("n", pa.int64())])
    check(twice, id=None)
    with pytest.raises(
        InputError, match=r"input.keep: f.parquet has 2 columns 'n', and it is not clear"
    ):
        check(twice, id=None, keep=["n"])
    with pytest.raises(InputError, match=r"input.text: f.parquet has 2 columns 'n'"):
        check(twice, id=None, text="n")


def test_columns_may_be_missing_where_that_is_said():
    with pytest.raises(InputError, match=r"--input.missing_columns null writes null where"):
        check({"text": pa.string(), "id": pa.int8()}, keep=["url"])
    check({"text": pa.string()}, keep=["url", "meta.url"], missing_columns="null")
    with pytest.raises(InputError, match=r"input.text: f.parquet has no column 'text'; it has id$"):
        check({"id": pa.int8()}, missing_columns="null")


def test_partition_columns_can_be_kept():
    check({"text": pa.string()}, {"lang": "en"}, id="lang", keep=["lang"])
