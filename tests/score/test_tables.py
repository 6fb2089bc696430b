"""Delta and Iceberg tables through the jobs: scored, grown, resumed and filtered."""

import json
import random
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from pyiceberg.types import LongType, StringType

from rm_ray.filter.__main__ import main as filter_main
from rm_ray.report.__main__ import main as report_main
from rm_ray.score.__main__ import main as score_main
from tests import fault_engine
from tests.corpus.tables import made_delta, made_iceberg
from tests.jobs import options, prose, read_rewards, run
from tests.pairs.runs import run as make_pairs

pytestmark = pytest.mark.usefixtures("ray_cluster")

ENGINE = {"engine_name": fault_engine.NAME}


def rows_of(ids, **more) -> pa.Table:
    """Documents whose text begins with their id."""
    rng = random.Random(7)
    texts = [f"document {number} {prose(rng, 170)}" for number in ids]
    return pa.table({"id": pa.array(ids, pa.int64()), "text": texts, **more})


def score(caplog, path, output, *extra, **changes) -> tuple[int, str]:
    more = {"input_path": path, "output_path": output, "shard_rows": 4, **ENGINE, **changes}
    return run(caplog, *extra, **more)


def ids(output) -> list[int]:
    return sorted(row["id"] for row in read_rewards(output))


def places(output) -> dict:
    return {row["id"]: (row["source_file"], row["row"]) for row in read_rewards(output)}


@pytest.fixture
def delta(tmp_path):
    """A table with a partition column, and deleted rows in both of its files."""
    root = tmp_path / "table"
    langs = ["de"] * 10 + ["en"] * 10
    write_deltalake(
        root,
        rows_of(list(range(20)), lang=langs),
        partition_by=["lang"],
        configuration={"delta.enableDeletionVectors": "true"},
    )
    made_delta.delete(root, 0, [0, 5, 9])
    made_delta.delete(root, 1, [3], inline=False)
    return root


LEFT = sorted(set(range(20)) - {0, 5, 9, 13})


def test_a_delta_table_is_scored_without_its_deleted_rows(delta, tmp_path, caplog):
    output = tmp_path / "out"
    code, log = score(caplog, f"delta:{delta}", output, input_keep="lang")
    assert code == 0, log
    assert ids(output) == LEFT
    rows = read_rewards(output)
    assert all(row["lang"] == ("de" if row["id"] < 10 else "en") for row in rows)
    # `row` is the place in the file: the rows can be joined
    for row in rows:
        file = pq.ParquetFile(row["source_file"]).read()
        assert file.column("id")[row["row"]].as_py() == row["id"]

    # a new file, and a deleted row more: only the new file is scored, though the log was vacuumed
    before = places(output)
    write_deltalake(delta, rows_of([20, 21], lang=["fr", "fr"]), mode="append")
    made_delta.delete(delta, 1, [3, 4])
    code, log = score(caplog, f"delta:{delta}", output, input_keep="lang")
    assert code == 0, log
    assert "has deleted 1 rows of 1 files since this run planned them" in log
    assert ids(output) == [*LEFT, 20, 21]
    assert before.items() <= places(output).items()

    # the filter writes what is left, in the folders of the partition
    kept = tmp_path / "kept"
    words = [
        *("--rewards.path", str(output), "--output.path", str(kept)),
        *("--rule.null_rewards", "keep", "--rule.keep_fraction", "1"),
    ]
    assert filter_main(words) == 0
    written = sorted((kept / "corpus").rglob("*.parquet"))
    assert {path.parent.name for path in written} == {"lang=de", "lang=en", "lang=fr"}
    found = [n for path in written for n in pq.ParquetFile(path).read().column("id").to_pylist()]
    assert sorted(found) == [*LEFT, 20, 21]
    manifest = (kept / "manifest.json").read_text()
    assert "deleted from the table" in manifest

    page = tmp_path / "page"
    assert report_main(["--rewards.path", str(output), "--output.path", str(page)]) == 0

    # the table is compacted: refused by name, or scored anew, each row once
    made_delta.restore(delta, 1)
    code, log = score(caplog, f"delta:{delta}", output, input_keep="lang")
    assert code == 2
    assert "has 1 rows of" in log
    assert "again that were deleted when this run planned the file" in log
    made_delta.delete(delta, 1, [3])
    compact(delta)
    code, log = score(caplog, f"delta:{delta}", output, input_keep="lang")
    assert code == 2
    assert "no longer has 3 files of this run, with 18 rows" in log
    assert "--input.on_rewritten score" in log
    code, log = score(
        caplog, f"delta:{delta}", output, input_keep="lang", input_on_rewritten="score"
    )
    assert code == 0, log
    assert ids(output) == [*LEFT, 20, 21]
    assert not before.items() & places(output).items()
    assert json.loads((output / "_SUCCESS").read_text())["documents"] == len(LEFT) + 2
    # the same once more: nothing is to do
    code, log = score(caplog, f"delta:{delta}", output, input_keep="lang")
    assert code == 0, log
    shutil.rmtree(kept)
    assert filter_main(words) == 0


def compact(root) -> None:
    """Write all rows into one file, as compaction does; deltalake refuses tables with vectors."""
    kept = []
    for add, name in ((add, add["path"]) for add in made_delta.live(root)):
        table = pq.ParquetFile(root / name).read()
        gone = {f"lang={lang}": rows for lang, rows in (("de", [0, 5, 9]), ("en", [3]))}
        rows = gone.get(name.partition("/")[0], [])
        kept.append(table.take([n for n in range(len(table)) if n not in rows]))
        made_delta.commit(root, made_delta.removed(add))
    made_delta.add_file(root, "all.parquet", pa.concat_tables(kept), {"lang": "xx"})


@pytest.mark.parametrize(
    ("choice", "documents"),
    [
        ({"input_limit": 9}, 9),
        ({"input_limit": 100}, len(LEFT)),
        ({"input_snapshot": 0}, 20),  # the rows were deleted later
        ({"input_snapshot": 1}, 17),
    ],
)
def test_a_dry_run_counts_the_rows_that_are_chosen_and_left(
    delta, tmp_path, capsys, choice, documents
):
    words = options(input_path=f"delta:{delta}", output_path=tmp_path / "out", **ENGINE, **choice)
    assert score_main([*words, "--dry-run"]) == 0
    assert re.search(rf"^documents +{documents}$", capsys.readouterr().out, re.MULTILINE)
    assert not (tmp_path / "out").exists()


def test_a_table_of_rows_that_names_a_deleted_one_is_refused(delta, tmp_path, caplog):
    table, file = tmp_path / "rows.parquet", f"{delta}/{made_delta.live(delta)[0]['path']}"
    pq.write_table(pa.table({"source_file": [file], "row": [5]}), table)
    code, log = score(caplog, f"delta:{delta}", tmp_path / "gone", input_rows=table)
    assert code == 2
    assert f"names row 5 of {file}, which the table has deleted" in log


def test_pairs_are_made_of_rows_that_are_left(delta, tmp_path, caplog):
    output = tmp_path / "pairs"
    words = {"input_path": f"delta:{delta}", "output_path": output, "pairs_kinds": "{shuffled: 1}"}
    code, log = make_pairs(caplog, **words)
    assert code == 0, log
    made = {row["id"] for row in pq.read_table(output / "pairs").to_pylist()}
    assert made == set(LEFT)


def test_an_iceberg_table_is_scored_by_its_present_names(tmp_path, caplog):
    warehouse = tmp_path / "warehouse"
    tables = made_iceberg.catalog(warehouse)
    first = rows_of(list(range(8))).rename_columns(["id", "body"])
    first = first.set_column(0, "id", first.column("id").cast(pa.int32()))
    table = tables.create_table("n.t", first.schema)
    table.append(first)
    with table.update_schema() as update:
        update.rename_column("body", "text")
        update.update_column("id", LongType())
        update.add_column("lang", StringType())
    second = rows_of(list(range(8, 16)), lang=["en"] * 8)
    table.append(second)
    root = warehouse / "n" / "t"
    paths = {"old": None, "new": None}
    for path in made_iceberg.data_files(root):
        names = pq.read_schema(path.removeprefix("file://")).names
        paths["old" if "body" in names else "new"] = path
    made_iceberg.delete_positions(root, {paths["old"]: [1], paths["new"]: [0, 7]})
    made_iceberg.delete_vectors(root, {paths["old"]: [1, 2]})
    left = sorted(set(range(16)) - {1, 2, 8, 15})

    output = tmp_path / "out"
    code, log = score(caplog, f"iceberg:{root}", output, input_keep="lang")
    assert code == 0, log
    assert ids(output) == left
    rows = read_rewards(output)
    assert {row["lang"] for row in rows if row["id"] < 8} == {None}
    assert {row["lang"] for row in rows if row["id"] >= 8} == {"en"}
    assert all(row["status"] == "ok" for row in rows)

    # the old file has an old name for a column: its rows are not written, its ids are
    words = ["--rewards.path", str(output), "--rule.keep_fraction", "1"]
    assert filter_main([*words, "--output.path", str(tmp_path / "kept")]) == 2
    ids_only = [*words, "--output.path", str(tmp_path / "ids"), "--output.kind", "ids"]
    assert filter_main(ids_only) == 0
    found = pq.read_table(tmp_path / "ids" / "ids")
    assert sorted(found.column("id").to_pylist()) == left
