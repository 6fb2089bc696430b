"""Files of many kinds, filtered at once: each is written as it was, by more readers than one."""

import base64
import json
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.filter.__main__ import main
from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.kind import Kind
from rm_ray.parquet.source import ParquetSource
from tests.encrypted import write_encrypted
from tests.filter.kinds_of_files import FAR, KINDS, NOW, ROWS, TEXTS, geometry, int128, two_levels
from tests.filter.runs import run
from tests.scored_runs import fabricate


def rewards(shard):
    """Every third row is dropped."""
    rows = np.arange(shard.start, shard.stop)
    ones = pa.array([1] * len(rows), pa.int64())
    return pa.table(
        {"reward": pa.array(rows % 3, pa.float32()), "n_tokens": ones, "status": ["ok"] * len(rows)}
    )


@pytest.fixture(scope="module")
def filtered(ray_cluster, tmp_path_factory):
    """The corpus and what is kept of it, by the names of the kinds; and the manifest."""
    folder = tmp_path_factory.mktemp("as_written")
    for kind in KINDS:
        where = folder / "corpus" / f"kind={kind.__name__}"
        where.mkdir(parents=True)
        kind(where / "a.parquet")
    fabricate(folder / "scored", folder / "corpus", rewards)
    words = ["--rewards.path", folder / "scored", "--output.path", folder / "out"]
    assert main([*map(str, words), "--rule.min_reward", "1"]) == 0
    kept = {}
    for kind in KINDS:
        (kept[kind.__name__],) = (folder / "out" / "corpus" / f"kind={kind.__name__}").iterdir()
    return folder, kept, json.loads((folder / "out" / "manifest.json").read_text())


def both(filtered, kind):
    folder, kept, _ = filtered
    return folder / "corpus" / f"kind={kind}" / "a.parquet", kept[kind]


def source_of(path):
    with path.open("rb") as file:
        return ParquetSource.of(file)


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_schema_and_choices_are_those_of_the_source(filtered, kind):
    theirs, ours = map(source_of, both(filtered, kind))
    assert ours.footer.elements == theirs.footer.elements
    plain = [leaf.has_plain_order for column in theirs.kind.schema for leaf in column.leaves()]
    assert list(ours.kind.leaves) == [
        replace(leaf, bounds=leaf.bounds and ordered)
        for leaf, ordered in zip(theirs.kind.leaves, plain, strict=True)
    ]
    rest = ("sorted_by", "page_index", "page_version", "checksums")
    assert all(getattr(ours.kind, name) == getattr(theirs.kind, name) for name in rest)
    assert ours.kind.key_values == theirs.kind.key_values
    if kind not in ("license_of_polars", "pandas_range", "boxes", "geometry"):
        assert ours.footer.key_values == theirs.footer.key_values


@pytest.mark.parametrize("kind", [k.__name__ for k in KINDS if k not in (int128, geometry)])
def test_pyarrow_reads_the_same_rows(filtered, kind):
    """Geometry has no type in pyarrow."""
    theirs, ours = (
        pq.read_table(path, coerce_int96_timestamp_unit="us", partitioning=None)
        for path in both(filtered, kind)
    )
    rows = [row for row in range(ROWS) if row % 3]
    assert ours.schema.equals(theirs.schema)
    assert list(map(repr, ours.to_pylist())) == [
        repr(theirs.slice(r, 1).to_pylist()[0]) for r in rows
    ]


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_duckdb_reads_the_same_rows_of_the_same_types(filtered, kind):
    said = []
    for path in both(filtered, kind):
        names = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
        names = [name for name in names if name != "kind" or kind == "views"]
        columns = ", ".join(f'typeof("{name}"), "{name}"::VARCHAR' for name in names)
        sql = f"SELECT {columns} FROM read_parquet('{path}', hive_partitioning = false)"
        said.append(duckdb.sql(sql).fetchall())
    theirs, ours = said
    assert ours == [row for number, row in enumerate(theirs) if number % 3]


def test_types_that_pyarrow_lacks_are_what_duckdb_wrote(filtered):
    _, ours = both(filtered, "types")
    found = duckdb.sql(f"SELECT typeof(COLUMNS(* EXCLUDE (text, kind))) FROM '{ours}' LIMIT 1")
    assert found.fetchall() == [(
        "JSON", "VARCHAR", "UUID", "INTERVAL", "TIME WITH TIME ZONE", "TIME", "DECIMAL(9,2)",
        "DECIMAL(18,2)", "DECIMAL(30,2)", "UTINYINT", "UBIGINT", "VARIANT",
    )]  # fmt: skip
    found = duckdb.sql(f"SELECT v, z::VARCHAR, large, \"any\"::VARCHAR FROM '{ours}' LIMIT 1")
    ((days, zoned, large, some),) = found.fetchall()
    assert (days.days, zoned, large) == (1, "10:11:12+00", 2**63 + 1)
    assert some == "{'x': 1, 'y': [1]}"


def test_nanoseconds_and_far_years_of_int96_are_all_there(filtered):
    """As the twelve bytes that they are: pyarrow reads either the one or the other right."""
    theirs, ours = (
        pq.ParquetFile(path, metadata=source_of(path).metadata).read()["at"].to_pylist()
        for path in both(filtered, "nanoseconds")
    )
    assert ours == [value for row, value in enumerate(theirs) if row % 3]
    day = int.from_bytes(ours[0][8:], "little") - 2_440_588
    assert day * 86_400 * 10**9 + int.from_bytes(ours[0][:8], "little") == 1_700_000_000_123_456_790
    _, ours = both(filtered, "int96_beside_int64")
    columns = [pq.read_metadata(ours).row_group(0).column(i) for i in range(3)]
    assert [column.physical_type for column in columns] == ["BYTE_ARRAY", "INT96", "INT64"]
    assert not columns[1].is_stats_set and columns[2].statistics.min == NOW
    rows = duckdb.sql(f"SELECT DISTINCT far, near FROM '{ours}' ORDER BY far").fetchall()
    assert rows == [(FAR, NOW), (None, NOW)]


def test_polars_and_arrow_find_the_license_and_no_number_of_rows(filtered):
    _, ours = both(filtered, "license_of_polars")
    assert pl.read_parquet_metadata(ours) == {
        "license": "CC0-1.0", "ARROW:schema": pl.read_parquet_metadata(ours)["ARROW:schema"]
    }  # fmt: skip
    assert pl.read_parquet(ours, hive_partitioning=False)["text"].str.len_chars().sum() > 0
    _, ours = both(filtered, "int128")
    frame = pl.read_parquet(ours, hive_partitioning=False)
    assert frame["n"].dtype == pl.Int128 and frame["n"].to_list() == [
        r for r in range(ROWS) if r % 3
    ]


def test_no_arrow_schema_appears_where_there_was_none(filtered):
    for kind in ("types", "old_names"):
        assert b"ARROW:schema" not in (pq.read_metadata(both(filtered, kind)[1]).metadata or {})


def test_pandas_counts_its_rows_anew(filtered):
    _, ours = both(filtered, "pandas_range")
    frame = pd.read_parquet(ours, partitioning=None)
    assert frame.index.equals(pd.RangeIndex(len(frame))) and frame["n"][1] == 2
    stored = dict(StoredFooter.read(ours.open("rb")).key_values)
    schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored[b"ARROW:schema"])))
    assert json.loads(schema.metadata[b"pandas"]) == json.loads(stored[b"pandas"])
    assert json.loads(stored[b"pandas"])["index_columns"] == []


def test_sorted_row_groups_stay_sorted(filtered):
    _, ours = both(filtered, "sorted_groups")
    file = pq.ParquetFile(ours)
    assert file.num_row_groups == 2
    for number in range(2):
        assert file.metadata.row_group(number).sorting_columns == (pq.SortingColumn(1),)
        values = file.read_row_group(number)["n"].to_pylist()
        assert values == sorted(values)


def test_the_manifest_says_what_is_changed(filtered):
    _, _, manifest = filtered
    assert {one["what"]: one["files"] for one in manifest["changed"]} == {
        "the key `num_rows`, the number of all rows, is left out": 1,
        "the range of `pandas` row labels is left out": 1,
        "`bbox` in the key `geo` is left out": 2,
        "statistics of decimals in bytes, half floats, intervals, shapes and INT96 are left out: "
        "plain bytes have another order": 1,
    }
    firsts = {one["first"].split("kind=")[1].split("/")[0] for one in manifest["changed"]}
    assert firsts == {"license_of_polars", "pandas_range", "boxes", "types"}
    assert manifest["lost"] == []


def test_what_cannot_be_written_is_refused_or_named(ray_cluster, tmp_path, caplog):
    """A list of two levels, which pyarrow writes with three; a column that is encrypted."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_encrypted(corpus / "b.parquet", {"text": TEXTS, "secret": TEXTS}, ["secret"])
    two_levels(corpus / "a.parquet")
    fabricate(tmp_path / "scored", corpus, rewards)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out",
             "rule_min_reward": 1}  # fmt: skip
    status, log = run(caplog, **words)
    assert status == 2 and not (tmp_path / "out").exists()
    assert "column 'tags' would be written as list<tags: int32 not null>" in log
    assert "column 'secret' is encrypted, and is left out (first in " in log
    assert "--output.lossy allow" in log and "--output.kind ids" in log
    status, log = run(caplog, "--output.lossy", "allow", **words)
    assert status == 0, log
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(manifest["lost"]) == 2 and "secret" in str(manifest["lost"])
    kept = sorted((tmp_path / "out" / "corpus").iterdir())
    assert [pq.read_schema(path).names for path in kept] == [["text", "tags"], ["text"]]
    rows = [row for row in range(ROWS) if row % 3]
    assert pq.read_table(kept[0])["tags"].to_pylist() == [[row, row] for row in rows]


def test_kinds_are_told_apart_by_what_a_file_has_once(tmp_path):
    """Not by what a writer chooses anew for each row group."""
    names = {}
    for name, options in {
        "plain": {}, "again": {}, "no dictionary": {"use_dictionary": False},
        "codec": {"compression": "zstd"}, "index": {"write_page_index": True},
        "checksums": {"write_page_checksum": True},
    }.items():  # fmt: skip
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": TEXTS}), path, **options)
        names[name] = source_of(path).kind.name
    assert names["plain"] == names["again"] == names["no dictionary"]
    assert len(set(names.values())) == 4
    assert isinstance(source_of(path).kind, Kind)
