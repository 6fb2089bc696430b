#!/usr/bin/env bash
# Guess: a folder quality=07/ whose files have a column quality with the same number reads as that
# column; it says the same thing twice.
# What happens: pyarrow.parquet.read_table (and pandas by it) refuses the folder, since it takes the
# folder's name for a dictionary of int32 and will not merge it with int32; pyarrow.dataset with
# partitioning="hive" reads int32 and refuses int64; DuckDB gives the text '07' and not the number of
# the file; Polars gives the number of the file. Without the column all of them read the folder, but
# DuckDB and Polars only where every file lies below folders of the same keys.
# Versions: pyarrow 26.0.1, DuckDB 2.0.1, Polars 2.1.0. Seen: 2026-11-29.
# Output:
#   read_table, no column: [7, 8]
#   read_table, int32: ArrowTypeError Unable to merge: Field quality has incompatible types: int32 vs dictionary<values=int32, indices=int32, ordered=0>
#   dataset, int32: [7, 8]
#   dataset, int64: ArrowTypeError Unable to merge: Field quality has incompatible types: int64 vs int32
#   DuckDB, int32: ['07', '08']
#   Polars, int32: [7, 8]
#   DuckDB, a file lies beside the folders' folders: no column quality
#   Polars, a file lies beside the folders' folders: SchemaFieldNotFoundError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import sys
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq


def write(root, kind=None, extra=""):
    for number in (7, 8):
        for below in {"", extra}:
            place = Path(root) / f"quality={number:02d}" / below
            place.mkdir(parents=True, exist_ok=True)
            table = pa.table({"text": ["a"]})
            if kind is not None:
                table = table.append_column("quality", pa.array([number], kind))
            pq.write_table(table, place / "0.parquet")
    return root


def seen(read):
    try:
        return sorted(read())
    except Exception as error:
        return f"{type(error).__name__} {error}".splitlines()[0]


none, small, large = write("none"), write("int32", pa.int32()), write("int64", pa.int64())
mixed = write("mixed", extra="lang=en")


def by_duckdb(root):
    names = [one[0] for one in duckdb.sql(f"DESCRIBE FROM '{root}/**/*.parquet'").fetchall()]
    if "quality" not in names:
        return None
    return [one for (one,) in duckdb.sql(f"SELECT quality FROM '{root}/**/*.parquet'").fetchall()]


found = {
    "read_table, no column": seen(lambda: pq.read_table(none)["quality"].to_pylist()),
    "read_table, int32": seen(lambda: pq.read_table(small)["quality"].to_pylist()),
    "dataset, int32": seen(
        lambda: ds.dataset(small, partitioning="hive").to_table()["quality"].to_pylist()
    ),
    "dataset, int64": seen(
        lambda: ds.dataset(large, partitioning="hive").to_table()["quality"].to_pylist()
    ),
    "DuckDB, int32": seen(lambda: by_duckdb(small)),
    "Polars, int32": seen(lambda: polars.scan_parquet(small).collect()["quality"].to_list()),
    "DuckDB, a file lies beside the folders' folders": by_duckdb(mixed) or "no column quality",
    "Polars, a file lies beside the folders' folders": seen(
        lambda: polars.scan_parquet(mixed).collect()["quality"].to_list()
    ).split()[0],
}
for what, value in found.items():
    print(f"{what}: {value}")
merge = "ArrowTypeError Unable to merge: Field quality has incompatible types: "
expected = [
    [7, 8], merge + "int32 vs dictionary<values=int32, indices=int32, ordered=0>", [7, 8],
    merge + "int64 vs int32", ["07", "08"], [7, 8], "no column quality", "SchemaFieldNotFoundError",
]
if list(found.values()) != expected:
    sys.exit("another behaviour than the comment on top says")
PYTHON
