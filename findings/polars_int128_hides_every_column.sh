#!/usr/bin/env bash
# One would guess: one column of a type that pyarrow lacks can be left out, and the others are
# read.
# What happens: where the Arrow schema that Polars stores names a 128-bit integer, pyarrow
# refuses the whole file: its other columns too, its footer too. DuckDB reads it, and the
# integers as bytes: Parquet itself says no more of them than that they are 16 bytes.
# Versions: pyarrow 26.0.1, Polars 2.1.0, DuckDB 2.0.1, Python 3.11. Seen on 2026-11-29:
#   pyarrow, the column text alone: ArrowNotImplementedError: Integers with more than 64 bits not implemented
#   pyarrow, the number of rows: ArrowNotImplementedError: Integers with more than 64 bits not implemented
#   DuckDB: [('one', 'BLOB'), ('two', 'BLOB')]
#   Polars: [1, 2]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
cat > "$work/see.py" <<'PY'
import sys

import duckdb
import polars as pl
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
numbers = pl.Series([1, 2], dtype=pl.Int128)
pl.DataFrame({"text": ["one", "two"], "n": numbers}).write_parquet(file)
readers = {
    "pyarrow, the column text alone": lambda: pq.read_table(file, columns=["text"]).to_pydict(),
    "pyarrow, the number of rows": lambda: pq.read_metadata(file).num_rows,
    "DuckDB": lambda: duckdb.sql(f"SELECT text, typeof(n) FROM '{file}'").fetchall(),
    "Polars": lambda: pl.read_parquet(file)["n"].to_list(),
}
for name, read in readers.items():
    try:
        print(f"{name}: {read()}")
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
