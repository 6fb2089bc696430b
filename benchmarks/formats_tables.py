"""Makes Delta and Iceberg tables, and compares what a run would read of them with what was left.

    python benchmarks/formats_tables.py            # prints the table of docs/tables.md

deltalake and pyiceberg write neither deletion vectors nor position deletes: these are made by the
specifications (tests/corpus/tables/). Another reader confirms the rows where one reads them.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pyiceberg.types import LongType, StringType

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import Corpus, list_files
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import Deleted, deleted_of, note_of, store, with_new
from rm_ray.corpus.widening import run_types
from rm_ray.errors import RmRayError
from rm_ray.store.folder import Folder
from tests.corpus.tables import made_delta, made_iceberg

ROWS = 12
Expected = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A Case is a table that one writer makes."""

    writer: str
    """Who writes it, and how rows are deleted."""
    make: Callable[[Path], tuple[str, Expected, Callable[[], list[int]] | None]]
    """Returns the address, the rows that are left, and what another reader finds: their ids."""
    reader: str = ""
    """The other reader."""


def documents(first: int = 0) -> pa.Table:
    numbers = range(first, first + ROWS)
    table = {"id": pa.array(numbers, pa.int32()), "text": [f"text {n}" for n in numbers]}
    return pa.table({**table, "lang": ["de" if n % 2 else "en" for n in numbers]})


def left(*gone: int, rows: int = ROWS) -> Expected:
    return [
        {"id": n, "text": f"text {n}", "lang": "de" if n % 2 else "en"}
        for n in range(rows)
        if n not in gone
    ]


def by_query(root: Path) -> list[int]:
    query = QueryBuilder().register("t", DeltaTable(root)).execute("select id from t")
    return pa.table(query.read_all()).column("id").to_pylist()


def by_polars_delta(root: Path) -> list[int]:
    return polars.scan_delta(str(root)).select("id").collect()["id"].to_list()


def by_pyiceberg(root: Path) -> list[int]:
    table = made_iceberg.catalog(root.parent.parent).load_table("n.t")
    return table.scan().to_arrow().column("id").to_pylist()


def plain_delta(top: Path) -> Any:
    write_deltalake(top / "t", documents())
    return f"delta:{top / 't'}", left(), lambda: by_query(top / "t")


def delta(*, inline: bool, partition: bool) -> Any:
    def make(top: Path) -> Any:
        root, settings = top / "t", {"delta.enableDeletionVectors": "true"}
        by = ["lang"] if partition else None
        write_deltalake(root, documents(), partition_by=by, configuration=settings)
        made_delta.delete(root, 0, [0, 3], inline=inline)
        # of the first folder, lang=de, the odd numbers
        gone = (1, 7) if partition else (0, 3)
        return f"delta:{root}", left(*gone), lambda: by_polars_delta(root)

    return make


def mapped_delta(mode: str) -> Any:
    def make(top: Path) -> Any:
        root, ids = top / "t", {"c-1": 1, "c-2": 2, "c-3": 3}
        kinds = {"id": "integer", "text": "string", "lang": "string"}
        columns = [
            made_delta.column(name, kind, stored, number)
            for (name, kind), (stored, number) in zip(kinds.items(), ids.items(), strict=True)
        ]
        made_delta.mapped(root, columns, mode)
        stored = documents().rename_columns(list(ids))
        fields = [
            field.with_metadata({"PARQUET:field_id": str(ids[field.name])})
            for field in stored.schema
        ]
        made_delta.add_file(root, "a.parquet", stored.cast(pa.schema(fields)))
        made_delta.delete(root, 0, [5])
        return f"delta:{root}", left(5), lambda: by_query(root)

    return make


def iceberg(deletes: str) -> Any:
    def make(top: Path) -> Any:
        table = made_iceberg.catalog(top).create_table("n.t", documents().schema)
        root = top / "n" / "t"
        gone: tuple[int, ...] = ()
        table.append(documents())
        if deletes == "pyiceberg":
            table.delete("id == 4")
            gone = (4,)
        (path,) = made_iceberg.data_files(root)
        if deletes == "positions":
            made_iceberg.delete_positions(root, {path: [1, 2]})
            gone = (1, 2)
        if deletes == "vectors":
            made_iceberg.delete_positions(root, {path: [1]})
            made_iceberg.delete_vectors(root, {path: [1, 2, 9]})
            gone = (1, 2, 9)
        if deletes == "values":
            made_iceberg.delete_values(root)
        return f"iceberg:{root}", left(*gone), lambda: by_pyiceberg(root)

    return make


def renamed_iceberg(top: Path) -> Any:
    old = documents().rename_columns(["id", "body", "old"])
    table = made_iceberg.catalog(top).create_table("n.t", old.schema)
    table.append(old)
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.rename_column("body", "text")
        update.update_column("id", LongType())
        update.delete_column("old")
    with table.update_schema() as update:
        update.add_column("lang", StringType())
    new = documents(ROWS)
    table.append(new.set_column(0, "id", new.column("id").cast(pa.int64())))
    root = top / "n" / "t"
    expected = [
        {**row, "lang": row["lang"] if row["id"] >= ROWS else None} for row in left(rows=2 * ROWS)
    ]
    return f"iceberg:{root}", expected, lambda: by_pyiceberg(root)


CASES = (
    Case("deltalake", plain_delta, "deltalake QueryBuilder"),
    Case("inline deletion vector", delta(inline=True, partition=False), "Polars"),
    Case("inline deletion vector, partitioned", delta(inline=True, partition=True), "Polars"),
    Case("deletion vector in a file", delta(inline=False, partition=False), "Polars"),
    Case("column mapping by name, vector", mapped_delta("name"), "deltalake QueryBuilder"),
    Case("column mapping by id, vector", mapped_delta("id"), "deltalake QueryBuilder"),
    Case("pyiceberg, its own delete", iceberg("pyiceberg"), "pyiceberg"),
    Case("pyiceberg, renamed, added, dropped, promoted", renamed_iceberg, "pyiceberg"),
    Case("position deletes (v2)", iceberg("positions"), "pyiceberg"),
    Case("Puffin deletion vectors (v3)", iceberg("vectors"), "pyiceberg"),
    Case("equality deletes", iceberg("values"), "pyiceberg"),
)


def read(corpus: Corpus, config: InputConfig, deleted: Deleted) -> tuple[pa.Table, list[str]]:
    """Read all rows as a run does. Returns also the lines of its plan."""
    footers, _ = read_footers(corpus.files, config)
    types = run_types(corpus.files, footers, config, {})
    tables, lines = [], []
    for file in corpus.files:
        footer = footers[file.path]
        sizes = [1.0] * len(footer.rows)
        units = cut_file(file.path, file.partition, footer.rows, sizes, max_rows=4, max_tokens=1e9)
        planned = PlannedFile(file.path, file.size, file.version, units, names=footer.names)
        lines.append(planned.to_json())
        tables += read_units(planned, config, types, deleted)
    return pa.concat_tables(tables), lines


def read_units(file: PlannedFile, config: InputConfig, types: Any, deleted: Deleted) -> list:
    return [
        table
        for unit in file.to_do()
        for _, table in read_shards(unit, config, [str(config.text)], types, deleted)
    ]


def rows_of(table: pa.Table) -> Expected:
    rows = table.rename_columns(
        [{"_judged.text": "text"}.get(name, name) for name in table.column_names]
    )
    kept = rows.select(["id", "text", "lang"]).to_pylist()
    return sorted(kept, key=lambda row: row["id"])


def look(case: Case, top: Path) -> list[str]:
    address, expected, other = case.make(top)
    config = InputConfig(path=address, keep=["lang"])
    try:
        corpus = list_files(config)
    except RmRayError as error:
        why = "equality deletes" if "equality" in str(error) else str(error)[:60]
        return [case.writer, f"refused: {why}", "", "", "", "", ""]
    spans = [Shard(file.path, 0, 1 << 40) for file in corpus.files]
    deleted = with_new(Deleted(), corpus.snapshot, spans)
    assert corpus.snapshot is not None
    table, lines = read(corpus, config, deleted)
    found = rows_of(table)
    # what is stored is read by another process, when the table may have forgotten it
    state = Folder(str(top / "_rm_ray"), StorageConfig())
    store(deleted, state)
    again = deleted_of([note_of(corpus.snapshot, deleted)], state)
    types = {name: table.schema.field(name).type for name in ("id", "lang")}
    plan = [PlannedFile.from_json(line) for line in lines]
    resumed = [t for file in plan for t in read_units(file, config, types, again)]
    same = rows_of(pa.concat_tables(resumed)) == found
    renamed = any(file.names for file in plan)
    ids = [row["id"] for row in expected]
    confirmed = sorted(other()) == ids if other else None
    gone = sum(len(rows) for rows in corpus.snapshot.deleted.values())
    return [
        case.writer,
        said([row["id"] for row in found] == ids),
        said(found == expected),
        f"{gone} left out" if gone else "none",
        "yes" if renamed else "no",
        said(same),
        f"{case.reader}: {'the same' if confirmed else 'other rows'}",
    ]


def said(right: bool) -> str:
    return "right" if right else "WRONG"


def main() -> None:
    print("| table | rows | values | deletes | other names in files | resumed | another reader |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(f"| {' | '.join(look(case, Path(folder)))} |")


if __name__ == "__main__":
    main()
