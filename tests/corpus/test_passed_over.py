"""What is there and is not read is said; what would be read wrongly is refused."""

import gzip
import re
import shlex

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, OutputConfig, StorageConfig
from rm_ray.convert.__main__ import main as convert
from rm_ray.corpus.files import list_files
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.paths import check_apart
from rm_ray.errors import InputError
from rm_ray.store.folder import open_filesystem


def write(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.lower().endswith(".parquet"):
            pq.write_table(pa.table({"id": ["a"], "text": ["x"]}), path)
        else:
            path.write_text("{}")


def write_run(folder, *parts):
    write(folder / "_rm_ray" / "run.json", folder / "_rm_ray" / "staged" / "piece.parquet")
    write(*(folder / part for part in parts))


@pytest.fixture
def corpus(tmp_path):
    """A file, and the outputs of a scoring and of a filter run beside it."""
    write(tmp_path / "a.parquet")
    write_run(tmp_path / "scored", "rewards/part-1.parquet", "_SUCCESS")
    write_run(tmp_path / "clean" / "en", "corpus/quality=09/part-2.parquet", "manifest.json")
    return tmp_path


def read(root, *paths, output=None):
    """Names below root of what the paths stand for, and what is said of the rest."""
    config = InputConfig(path=[f"{root}/{path}".rstrip("/") for path in paths])
    found = list_files(config, OutputConfig(path=f"{root}/{output}") if output else None)
    return [file.path.removeprefix(f"{root}/") for file in found.files], found.passed_over


RUNS = "2 folders of runs, first {}/clean/en"


def test_runs_below_a_folder_are_passed_over_and_named(corpus):
    assert read(corpus, "") == (["a.parquet"], RUNS.format(corpus))


def test_a_run_that_is_named_is_read(corpus):
    assert read(corpus, "scored") == (["scored/rewards/part-1.parquet"], "")
    assert read(corpus, "scored/rewards") == (["scored/rewards/part-1.parquet"], "")
    assert read(corpus, "clean/en") == (["clean/en/corpus/quality=09/part-2.parquet"], "")
    both = ["a.parquet", "scored/rewards/part-1.parquet"]
    assert read(corpus, "", "scored") == (both, f"1 folders of runs, first {corpus}/clean/en")


def test_a_glob_reads_a_run_where_it_names_what_is_in_it(corpus):
    assert read(corpus, "**/*.parquet") == (["a.parquet"], RUNS.format(corpus))
    assert read(corpus, "scored/**/*.parquet") == (["scored/rewards/part-1.parquet"], "")
    assert read(corpus, "*/rewards/*.parquet") == (["scored/rewards/part-1.parquet"], "")
    assert read(corpus, "clean/*/corpus/**/*.parquet")[0] == [
        "clean/en/corpus/quality=09/part-2.parquet"
    ]
    with pytest.raises(InputError, match=r"nothing matches .*; passed over: 1 folders of runs"):
        read(corpus, "*/*/*.parquet")


def test_this_runs_own_output_is_never_read(corpus):
    write_run(corpus / "other", "rewards/part-3.parquet")
    found, said = read(corpus, "*/rewards/*.parquet", output="scored")
    assert found == ["other/rewards/part-3.parquet"]
    assert said == f"1 folders of runs, first {corpus}/scored"


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("out", "out"), ("out/", "out"), ("out/rewards", "out/"), ("out/rewards/*.parquet", "out"),
        ("link/rewards", "out"), ("out", "link"), ("s3://b/out/x", "s3a://b/out/"),
        ("s3a://b/out", "s3://b/out"), ("file://out", "out"),
    ],
)  # fmt: skip
def test_a_corpus_in_the_runs_own_output_is_refused(tmp_path, path, output):
    (tmp_path / "link").symlink_to("out")
    path, output = (
        word if word.startswith("s3") else word.replace("file://", f"file://{tmp_path}/")
        if word.startswith("file") else f"{tmp_path}/{word}" for word in (path, output)
    )  # fmt: skip
    with pytest.raises(InputError, match=rf"{re.escape(path)} lies in this run's own output"):
        check_apart(InputConfig(path=["elsewhere", path]), OutputConfig(path=output))


@pytest.mark.parametrize(
    ("path", "output"),
    [("in", "in/out"), ("in", "in2"), ("output", "out"), ("s3://b/out", "s3://c/out")],
)
def test_an_output_beside_or_below_the_corpus_is_not_refused(tmp_path, path, output):
    prefix = "" if "://" in path else f"{tmp_path}/"
    check_apart(InputConfig(path=f"{prefix}{path}"), OutputConfig(path=f"{prefix}{output}"))


def test_buckets_of_one_name_in_two_stores_are_two(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://one.example/")
    one, other = (StorageConfig(endpoint_url=f"https://{n}.example") for n in ("one", "other"))
    output = OutputConfig(path="s3://b/out")
    check_apart(InputConfig(path="s3://b/out", storage=other), output)
    with pytest.raises(InputError, match="own output"):
        check_apart(InputConfig(path="s3://b/out", storage=one), output)


def test_a_run_below_a_folder_of_a_store_is_passed_over(s3_bucket):
    fs = open_filesystem("s3://", StorageConfig())
    for name in ("a.parquet", "out/_rm_ray/run.json", "out/rewards/part-1.parquet"):
        fs.pipe(f"{s3_bucket}/grown/{name}", b"PAR1")
    top = f"s3://{s3_bucket}/grown"
    said = f"1 folders of runs, first {top}/out"
    for path in ("", "**/*.parquet"):
        assert read(top, path, output="out") == (["a.parquet"], said)


def test_what_could_be_data_is_counted_and_what_could_not_is_not(tmp_path):
    data = ["a.jsonl.gz", "b.csv", "c.arrow", "d", "e.parquet.tmp", "f.TAR", "g/h.json.zst"]
    write(*(tmp_path / name for name in data))
    write(*(tmp_path / name for name in ("A.PARQUET", "b.Parquet", "README.md", "_SUCCESS")))
    write(*(tmp_path / name for name in (".part.parquet.crc", "_metadata", ".git/config")))
    write(tmp_path / "_old.parquet", tmp_path / "_temporary" / "0" / "part.parquet")
    found, said = read(tmp_path, "")
    assert found == ["A.PARQUET", "b.Parquet"]
    assert set(said.split("; ")) == {
        f"7 files that are not Parquet, first {tmp_path}/a.jsonl.gz",
        f"2 Parquet files that are hidden (_ or .), first {tmp_path}/_old.parquet",
    }


JSON, CSV = '{"text": "it\'s x", "id": 1}\n', "text,id\nit's x,1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gz", JSON), ("a.csv", CSV), ("a.csv.gz", CSV), ("a.tsv", CSV.replace(",", "\t")),
    ],
)  # fmt: skip
def test_other_formats_are_refused_with_the_line_that_converts_them(
    tmp_path, monkeypatch, name, content
):
    root = tmp_path / "it's"
    for file in (root / name, root / f"{name.replace('a.', 'b.')}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode()
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    write(root / "README.md")
    with pytest.raises(InputError, match=r"no Parquet file; only Parquet is read") as error:
        read(root, "")
    monkeypatch.chdir(tmp_path)
    duckdb.sql(re.search(r'duckdb -c "(.*)"$', str(error.value))[1])
    rows = pq.read_table(tmp_path / "corpus.parquet").to_pylist()
    assert [(row["text"], row["id"]) for row in rows] == [("it's x", 1)] * 2


@pytest.mark.parametrize("name", ["a.jsonl", "deep/er/a.json.gz", "a.NDJSON"])
def test_json_lines_are_refused_with_the_command_that_converts_them(tmp_path, monkeypatch, name):
    root = tmp_path / "it's"
    for file in (root / name, root / f"{name.replace('a.', 'b.')}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(JSON.encode()) if name.endswith(".gz") else JSON.encode())
    with pytest.raises(InputError, match=r"no Parquet file; only Parquet is read") as error:
        read(root, "")
    monkeypatch.chdir(tmp_path)
    command, then = re.search(
        r"python jobs/convert.py (.*) \(then --input.path (.*)\)$", str(error.value)
    ).groups()
    assert convert(shlex.split(command)) == 0
    assert len(read(tmp_path, then)[0]) == 2
    with pytest.raises(InputError, match=r"JSON Lines are converted first: python jobs/convert"):
        config = InputConfig(path=str(root / name))
        read_footers(list_files(config).files, config)


def test_a_folder_with_nothing_but_what_is_passed_over_says_so(tmp_path):
    write_run(tmp_path / "in" / "out", "rewards/part-1.parquet")
    write(tmp_path / "in" / "_a.parquet")
    with pytest.raises(InputError, match=r"no Parquet file that is to be read; passed over"):
        read(tmp_path, "in")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("_delta_log/00000000000000000000.json", "a Delta table.*delta_scan"),
        ("metadata/v1.metadata.json", "an Iceberg table.*iceberg_scan"),
    ],
)
@pytest.mark.parametrize("below", ["", "tables/web/"])
def test_a_table_is_refused_and_its_files_are_read_where_they_are_named(tmp_path, log, said, below):
    write(tmp_path / f"{below}a.parquet", tmp_path / f"{below}b.parquet", tmp_path / below / log)
    where = re.escape(f"{tmp_path}/{below}".rstrip("/"))
    with pytest.raises(InputError, match=f"input.path: {where} is {said}"):
        read(tmp_path, "")
    names = [f"{below}a.parquet", f"{below}b.parquet"]
    assert read(tmp_path, *names)[0] == names
    assert read(tmp_path, f"{below}*.parquet")[0] == names


@pytest.mark.parametrize("path", ["", "lake", "lake/it's.lance"])
def test_a_lance_dataset_is_refused_with_the_line_that_converts_it(tmp_path, path):
    for name in ("it's.lance", "other.lance"):
        folder = tmp_path / "lake" / name
        write(folder / "_versions" / "18446744073709551614.manifest", folder / "data" / "1.lance")
        write(folder / "_transactions" / "0-4e1b85d3.txn")
    write(tmp_path / "lake" / "a.parquet")
    with pytest.raises(InputError) as error:
        read(tmp_path, path)
    where = f"{tmp_path}/lake/it's.lance"
    said = f"input.path: {where} is a Lance dataset, whose files are not Parquet; this converts it"
    assert str(error.value).startswith(f"{said}: ")
    command = re.search(r": (python .*) \(then --input.path converted/corpus\)$", str(error.value))
    words = ["python", "jobs/convert.py", "--input.path", f"lance:{where}"]
    assert shlex.split(command[1]) == [*words, "--output.path", "converted"]


def test_data_files_of_lance_are_counted(tmp_path):
    write(tmp_path / "a.parquet", tmp_path / "data" / "1.lance")
    said = f"1 files that are not Parquet, first {tmp_path}/data/1.lance"
    assert read(tmp_path, "") == (["a.parquet"], said)
