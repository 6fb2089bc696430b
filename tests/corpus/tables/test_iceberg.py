"""Iceberg tables: files, names and deleted rows; what is not read is refused."""

import datetime
import gzip
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig
from rm_ray.corpus.files import list_files
from rm_ray.errors import InputError
from tests.corpus.tables import made_iceberg
from tests.corpus.tables.whole import read

ROWS = pa.table({"id": range(10), "text": [f"t{n}" for n in range(10)]})


def listed(address, **more):
    return list_files(InputConfig(path=f"iceberg:{address}", **more))


@pytest.fixture
def root(tmp_path):
    """A table of two files of ten rows."""
    table = made_iceberg.catalog(tmp_path).create_table("n.t", ROWS.schema)
    table.append(ROWS)
    table.append(ROWS)
    return tmp_path / "n" / "t"


def deleted(root, **more) -> list[list[int]]:
    corpus = listed(root, **more)
    return [corpus.snapshot.deleted.get(file.path, []) for file in corpus.files]


def as_lists(found) -> list[list[int]]:
    return [list(map(int, rows)) for rows in found]


def in_pyiceberg(root) -> int:
    return len(made_iceberg.catalog(root.parent.parent).load_table("n.t").scan().to_arrow())


def test_rows_are_deleted_by_positions_and_by_vectors(root):
    one, two = made_iceberg.data_files(root)
    before = listed(root).snapshot.id
    assert as_lists(deleted(root)) == [[], []]
    made_iceberg.delete_positions(root, {one: [1, 3], two: [9]})
    made_iceberg.delete_positions(root, {one: [3, 4]})
    assert as_lists(deleted(root)) == [[1, 3, 4], [9]]
    assert in_pyiceberg(root) == 16
    # a vector stands for all deletes of its file
    made_iceberg.delete_vectors(root, {one: [1, 3, 4, 5], two: [9, 0]})
    assert as_lists(deleted(root)) == [[1, 3, 4, 5], [0, 9]]
    assert in_pyiceberg(root) == 14
    assert as_lists(deleted(root, snapshot=before)) == [[], []]


def test_older_deletes_do_not_touch_a_newer_file(root, tmp_path):
    """A file may be added under the path of an older one's deletes: numbers decide."""
    one, _ = made_iceberg.data_files(root)
    made_iceberg.delete_positions(root, {one: [1]})
    from rm_ray.corpus.tables import positions
    from rm_ray.corpus.tables.iceberg import entries
    from rm_ray.corpus.tables.metadata import read_metadata
    from rm_ray.corpus.tables.store_io import StoreIO

    config = InputConfig(path=f"iceberg:{root}")
    found = list(
        entries(read_metadata(str(root), config).current_snapshot(), StoreIO(config.storage))
    )
    data = [entry for entry in found if entry.content.name == "DATA"]
    deletes = [entry for entry in found if entry.content.name != "DATA"]
    assert len(data) == 2
    assert len(positions.deleted_rows(data, deletes, "t", config)) == 1
    from dataclasses import replace

    newer = [replace(entry, sequence=entry.sequence + 9) for entry in data]
    assert not positions.deleted_rows(newer, deletes, "t", config)


def test_deletes_that_are_not_read_are_refused(root):
    one, _ = made_iceberg.data_files(root)
    kept = root.parent / "kept"
    shutil.copytree(root, kept)
    made_iceberg.delete_values(root)
    with pytest.raises(InputError, match=r"equality deletes.*rewrite_data_files"):
        listed(root)
    made_iceberg.delete_vectors(kept, {one: [1]}, damage=True)
    with pytest.raises(InputError, match="another checksum than stored"):
        listed(kept)


def test_a_table_is_found_by_its_folder_its_metadata_or_its_catalog(root, monkeypatch):
    newest = made_iceberg.metadata_file(root)
    assert listed(root).snapshot.id == listed(newest).snapshot.id
    old = min((root / "metadata").glob("*.metadata.json"))
    with pytest.raises(InputError, match="has no snapshot yet"):
        listed(old)
    # version-hint.text leads to a version without a uuid
    shutil.copy(newest, root / "metadata" / "v7.metadata.json")
    (root / "metadata" / "version-hint.text").write_text("7")
    assert len(listed(root).files) == 2
    shutil.copy(newest, root / "metadata" / "00007-x.metadata.json")
    with pytest.raises(InputError, match="not clear which metadata file is the newest"):
        listed(root)
    # pyiceberg 0.12 takes no class of a catalog from its configuration
    folder = made_iceberg.catalog(root.parent.parent)
    monkeypatch.setattr("pyiceberg.catalog.load_catalog", {"folder": folder}.__getitem__)
    assert len(listed("folder/n.t").files) == 2
    with pytest.raises(InputError, match=r"the catalog 'folder'.*PYICEBERG_CATALOG"):
        listed("folder/n.other")
    with pytest.raises(InputError, match="no folder `metadata`"):
        listed(root / "nothing")


def test_partition_values_are_there_for_files_that_lack_the_column(tmp_path):
    kinds = pa.schema({"id": pa.int64(), "text": pa.string(), "day": pa.date32(), "n": pa.int32()})
    table = made_iceberg.catalog(tmp_path).create_table("n.t", kinds)
    with table.update_spec() as spec:
        spec.add_identity("day")
        spec.add_identity("n")
    rows = {"id": [1], "text": ["a"], "day": pa.array([19723], pa.date32()), "n": [5]}
    table.append(pa.table(rows, kinds))
    (file,) = listed(tmp_path / "n" / "t").files
    assert file.partition == {"day": "2024-01-01", "n": "5"}
    assert file.table.kinds == {"day": pa.date32(), "n": pa.int32()}
    # as files of a Hive table are: without the columns of their folders
    whole = pq.ParquetFile(file.path).read()
    pq.write_table(whole.select(["id", "text"]), file.path)
    config = InputConfig(path=f"iceberg:{tmp_path / 'n' / 't'}", keep=["day", "n"])
    (row,) = read(list_files(config), config)
    assert (row["day"], row["n"], row["_judged.text"]) == (datetime.date(2024, 1, 1), 5, "a")


def test_a_default_for_older_rows_is_refused(root):
    path = made_iceberg.metadata_file(root)
    told = json.loads(path.read_text())
    told["format-version"], told["next-row-id"] = 3, 0
    told["schemas"][0]["fields"][1]["initial-default"] = "unknown"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"'text' has a value for rows older than itself"):
        listed(root)


def test_a_file_that_the_table_names_twice_is_refused(root):
    path = root / "data" / "plain.parquet"
    pq.write_table(ROWS, path)
    table = made_iceberg.catalog(root.parent.parent).load_table("n.t")
    table.add_files([f"file://{path}"])
    assert len(listed(root).files) == 3
    table.add_files([f"file://{path}"], check_duplicate_files=False)
    with pytest.raises(InputError, match=r"names .*plain.parquet twice"):
        listed(root)


def test_a_newer_metadata_file_that_is_not_read_is_not_passed_over(root):
    for name in ("00009-x.metadata.json.gz", "v9.metadata.json.gz", "v9.zstd.metadata.json"):
        path = root / "metadata" / name
        path.write_bytes(b"packed")
        with pytest.raises(InputError, match=r"newest metadata file is|cannot be opened"):
            listed(root)
        path.unlink()
    data = gzip.compress(made_iceberg.metadata_file(root).read_bytes())
    (root / "metadata" / "v9.gz.metadata.json").write_bytes(data)
    assert len(listed(root).files) == 2


def test_a_double_of_a_partition_is_read_from_the_file_only(tmp_path):
    """pyiceberg 0.12 reads the double 0.1 in a manifest as the float 0.1."""
    rows = pa.table({"text": ["a"], "p": [0.1], "t": [datetime.time(1)], "b": [b"\xff"]})
    table = made_iceberg.catalog(tmp_path).create_table("n.t", rows.schema)
    with table.update_spec() as spec:
        for name in ("p", "t", "b"):
            spec.add_identity(name)
    table.append(rows)
    config = InputConfig(path=f"iceberg:{tmp_path / 'n' / 't'}", id=None, keep=["p", "t", "b"])
    corpus = list_files(config)
    (file,), (row,) = corpus.files, read(corpus, config)
    assert [row[name] for name in ("p", "t", "b")] == [0.1, datetime.time(1), b"\xff"]
    pq.write_table(pq.ParquetFile(file.path).read().select(["text"]), file.path)
    for name in ("p", "t", "b"):
        alone = InputConfig(path=config.path, id=None, keep=[name])
        with pytest.raises(InputError, match=f"column '{name}' .* that the file lacks"):
            read(list_files(alone), alone)


def test_the_data_folder_of_a_table_is_refused_as_the_table_is(root):
    with pytest.raises(InputError, match=f"{root} is an Iceberg table"):
        list_files(InputConfig(path=f"{root}/data"))
