"""Delta tables: files, names and deleted rows; what is not read is refused."""

import datetime
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import QueryBuilder, write_deltalake

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.files import list_files
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.tables.delta import place_of
from rm_ray.corpus.tables.opening import refuse_table
from rm_ray.errors import InputError
from tests.corpus.tables import made_delta
from tests.corpus.tables.whole import read


def listed(root, **more):
    return list_files(InputConfig(path=f"delta:{root}", **more))


def in_deltalake(root, sql: str) -> list[dict]:
    from deltalake import DeltaTable

    query = QueryBuilder().register("t", DeltaTable(root)).execute(sql)
    return pa.table(query.read_all()).to_pylist()


def test_partition_values_have_the_types_of_the_table(tmp_path):
    moment = datetime.datetime(2024, 1, 1, 3, 4, 5, 6, tzinfo=datetime.UTC)
    parts = {
        "lang": ["e n", None, "x=y/z%"],
        "day": [datetime.date(2024, 1, 1)] * 3,
        "at": pa.array([moment] * 3, pa.timestamp("us", "UTC")),
        "n": pa.array([1, 2, 3], pa.int16()),
        "yes": [True, False, None],
    }
    table = pa.table({"id": [0, 1, 2], "text": ["a", "b", "c"], **parts})
    write_deltalake(tmp_path / "t", table, partition_by=list(parts))
    config = InputConfig(path=f"delta:{tmp_path / 't'}", keep=list(parts))
    corpus = list_files(config)
    rows = sorted(read(corpus, config), key=lambda row: row["id"])
    kept = [{name: row[name] for name in ("id", *parts)} for row in rows]
    assert kept == table.drop_columns(["text"]).to_pylist()
    assert corpus.snapshot.id == 0


def test_a_partition_column_that_a_file_has_too_has_the_tables_values(tmp_path):
    """By the protocol, the values in the log are the table's."""
    root = tmp_path / "t"
    table = pa.table({"id": [0, 1], "text": ["a", "b"], "lang": ["of the log"] * 2})
    write_deltalake(root, table, partition_by=["lang"])
    (path,) = root.glob("*/*.parquet")
    here = table.set_column(2, "lang", [["of the file"] * 2])
    pq.write_table(here, path.with_name("other.parquet"))
    (add,) = made_delta.actions(root, "add")
    remove = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    other = add | {"path": add["path"].replace(path.name, "other.parquet")}
    other["size"] = path.with_name("other.parquet").stat().st_size
    made_delta.commit(root, {"remove": remove}, {"add": other})
    config = InputConfig(path=f"delta:{root}", keep=["lang"])
    rows = read(list_files(config), config)
    assert [row["lang"] for row in rows] == ["of the log"] * 2
    by_sql = in_deltalake(root, "SELECT lang FROM t")
    assert [row["lang"] for row in by_sql] == ["of the log"] * 2


@pytest.mark.parametrize("inline", [True, False])
def test_deleted_rows_are_those_of_another_reader(tmp_path, inline):
    root = tmp_path / "a table"
    table = pa.table({"id": range(30), "text": [f"t{n}" for n in range(30)], "p": ["a b"] * 30})
    settings = {"delta.enableDeletionVectors": "true"}
    write_deltalake(root, table, partition_by=["p"], configuration=settings)
    made_delta.delete(root, 0, [0, 7, 29], inline=inline)
    corpus = listed(root)
    (file,) = corpus.files
    assert corpus.snapshot.deleted[file.path].tolist() == [0, 7, 29]
    left = [row["id"] for row in in_deltalake(root, "select id from t order by id")]
    assert left == [n for n in range(30) if n not in (0, 7, 29)]
    config = InputConfig(path=f"delta:{root}")
    assert [row["id"] for row in read(corpus, config)] == left
    # a sample has the same rows as without deletes, without the deleted ones
    half = InputConfig(path=f"delta:{root}", sample_fraction=0.5)
    sampled = RowSample(0.5, 0).chosen(file.path, 0, 30).tolist()
    assert [row["id"] for row in read(corpus, half)] == [n for n in sampled if n in left]
    assert 0 < len(sampled) < 30
    # the first version still has them
    assert not listed(root, snapshot=0).snapshot.deleted


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns_are_read_by_the_names_of_the_table(tmp_path, mode):
    root = tmp_path / "t"
    chat = {
        "type": "struct",
        "fields": [made_delta.column("text", "string", "c-5", 5)],
    }
    columns = [
        made_delta.column("id", "long", "c-1", 1),
        made_delta.column("text", "string", "c-2", 2),
        made_delta.column("lang", "string", "c-3", 3),
        made_delta.column("doc", chat, "c-4", 4),
        made_delta.column("new", "double", "c-6", 6),
    ]
    made_delta.mapped(root, columns, mode, partition=["lang"])
    stored = {"c-1": [1, 2, 3], "c-2": ["x", "y", "z"], "c-4": [{"c-5": "i"}] * 3}
    fields = [
        pa.field("c-1", pa.int64(), metadata={"PARQUET:field_id": "1"}),
        pa.field("c-2", pa.string(), metadata={"PARQUET:field_id": "2"}),
        pa.field(
            "c-4",
            pa.struct([pa.field("c-5", pa.string(), metadata={"PARQUET:field_id": "5"})]),
            metadata={"PARQUET:field_id": "4"},
        ),
    ]
    table = pa.table(stored, pa.schema(fields))
    made_delta.add_file(root, "a%20b/1.parquet", table, {"c-3": "en"}, root / "a b" / "1.parquet")
    away = tmp_path / "else where" / "2.parquet"
    made_delta.add_file(
        root, f"file://{tmp_path}/else%20where/2.parquet", table, {"c-3": None}, away
    )
    made_delta.delete(root, 0, [1])
    config = InputConfig(path=f"delta:{root}", text="doc.text", keep=["text", "lang", "new"])
    corpus = list_files(config)
    assert [file.path for file in corpus.files] == sorted([str(root / "a b/1.parquet"), str(away)])
    rows = read(corpus, config)
    assert len(rows) == 5
    assert {(row["id"], row["text"], row["lang"]) for row in rows} == {
        *((n, t, "en") for n, t in zip((1, 3), "xz", strict=True)),
        *((n, t, None) for n, t in zip((1, 2, 3), "xyz", strict=True)),
    }
    assert {(row["_judged.doc.text"], row["new"]) for row in rows} == {("i", None)}
    # a struct whose fields have other names is not read whole
    whole = InputConfig(path=f"delta:{root}", keep=["doc"])
    with pytest.raises(InputError, match=r"'doc' is a struct.*name the fields one by one"):
        read_footers(corpus.files, whole)


@pytest.mark.parametrize(
    ("feature", "why"),
    [("typeWidening", "typeWidening"), ("vacuumProtocolCheck", "vacuum"), ("other", "other")],
)
def test_a_feature_that_is_not_read_is_refused_by_its_name(tmp_path, feature, why):
    root = tmp_path / "t"
    columns = [made_delta.column("text", "string", "c-1", 1)]
    made_delta.mapped(root, columns, "name", features=[feature])
    with pytest.raises(InputError, match=why):
        listed(root)


def test_a_variant_is_refused(tmp_path):
    root = tmp_path / "t"
    columns = [made_delta.column("v", {"type": "array", "elementType": "variant"}, "c-1", 1)]
    columns[0]["type"]["containsNull"] = True
    made_delta.mapped(root, columns, "name", features=["variantType"])
    with pytest.raises(InputError, match=r"'v' .*is a variant"):
        listed(root)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be opened as a Delta table"):
        listed(tmp_path / "nothing")
    root = tmp_path / "t"
    write_deltalake(root, pa.table({"id": [1], "text": ["x"], "b": [b"x"]}), partition_by=["b"])
    with pytest.raises(InputError, match=r"partition column 'b'.*binary"):
        listed(root)
    with pytest.raises(InputError, match="version 9 of"):
        listed(root, snapshot=9)
    with pytest.raises(InputError, match="a table is a corpus of its own"):
        list_files(InputConfig(path=[f"delta:{root}", str(tmp_path)]))
    with pytest.raises(InputError, match="read by the plan of a scoring run"):
        list_files(CorpusConfig(path=f"delta:{root}"))
    # the folder as it is, is refused, and the sentence has the address
    with pytest.raises(InputError, match=f"--input.path delta:{root}"):
        list_files(InputConfig(path=str(root)))


def test_a_file_that_is_gone_is_named(tmp_path):
    root = tmp_path / "t"
    write_deltalake(root, pa.table({"id": [1], "text": ["x"]}))
    (file,) = root.glob("*.parquet")
    file.unlink()
    with pytest.raises(
        InputError, match=f"version 0 of .* names a file that is gone: .*{file.name}"
    ):
        listed(root)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a/b.parquet", "s3://bucket/t/a/b.parquet"),
        ("p=x%252Fy/b%20c.parquet", "s3://bucket/t/p=x%2Fy/b c.parquet"),
        ("s3://other/a%20b.parquet", "s3://other/a b.parquet"),
        ("file:/data/a.parquet", "/data/a.parquet"),
        ("file:///data/a.parquet", "/data/a.parquet"),
        ("/data/a.parquet", "/data/a.parquet"),
    ],
)
def test_paths_of_the_log_are_url_encoded(path, place):
    assert place_of(path, "s3://bucket/t/") == place


def test_an_address_holds_no_credentials_and_a_snapshot_is_of_a_table():
    with pytest.raises(ValueError, match="holds credentials"):
        InputConfig(path="delta:s3://key:secret@bucket/t")
    with pytest.raises(ValueError, match="address of the table after the colon"):
        InputConfig(path="iceberg:")
    with pytest.raises(ValueError, match="no store that rm_ray knows"):
        InputConfig(path="delta:ftp://host/t")
    with pytest.raises(ValueError, match="snapshot names a version of a table"):
        InputConfig(path="corpus/", snapshot=3)


def test_a_job_of_plain_parquet_refuses_a_table():
    with pytest.raises(InputError, match="delta:t is a table, and a selection reads plain Parquet"):
        refuse_table(InputConfig(path="delta:t"), "a selection")
    refuse_table(InputConfig(path="t"), "a selection")


def test_one_file_under_two_names_is_refused(tmp_path):
    root = tmp_path / "t"
    write_deltalake(root, pa.table({"id": [1], "text": ["x"]}))
    (add,) = made_delta.live(root)
    made_delta.commit(root, {"add": {**add, "path": f"./{add['path']}"}})
    with pytest.raises(InputError, match="twice, so its rows count twice"):
        listed(root)


def test_a_folder_that_deltalake_takes_for_another_one_is_refused(tmp_path):
    """deltalake reads the log of `a b` for a table in the folder `a%20b`."""
    for name in ("a b", "a%20b"):
        write_deltalake(tmp_path / "made", pa.table({"text": ["x"]}), mode="overwrite")
        shutil.copytree(tmp_path / "made", tmp_path / name)
    with pytest.raises(InputError, match=r"a%20b has a % with two digits.*reads .*/a b;"):
        listed(tmp_path / "a%20b")
    assert len(listed(tmp_path / "a b").files) == 1


def test_a_partition_of_a_table_is_refused_as_the_table_is(tmp_path):
    root = tmp_path / "t"
    table = pa.table({"text": ["x"], "a": ["1"], "b": ["2"]})
    write_deltalake(root, table, partition_by=["a", "b"])
    for folder in (root / "a=1", root / "a=1" / "b=2"):
        with pytest.raises(InputError, match=f"{root} is a Delta table"):
            list_files(InputConfig(path=str(folder)))
    # its files one by one, or by a glob, are what was asked for
    assert len(list_files(InputConfig(path=f"{root}/a=1/**/*.parquet")).files) == 1
    shutil.rmtree(root / "_delta_log")
    assert len(list_files(InputConfig(path=f"{root}/a=1")).files) == 1
