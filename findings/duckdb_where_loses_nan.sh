#!/usr/bin/env bash
# One would guess: a WHERE finds the rows that a full scan finds.
# What happens: the Parquet format says that least and greatest values leave NaN out. DuckDB
# puts NaN above all numbers, and skips a row group whose greatest value is smaller, although
# NaN may be in it. Files that DuckDB writes have no such values where there is NaN; Polars,
# pyarrow and others write them. So x = 'nan' and x > 5 find nothing in their files.
# Versions: DuckDB 2.0.1, Polars 2.1.0, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-29:
#   written by DuckDB: WHERE x = 'nan' finds 1 of 1
#   written by DuckDB: WHERE x > 5 finds 1 of 1
#   written by Polars: WHERE x = 'nan' finds 0 of 1
#   written by Polars: WHERE x > 5 finds 0 of 1
#   written by pyarrow: WHERE x = 'nan' finds 0 of 1
#   written by pyarrow: WHERE x > 5 finds 0 of 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
numbers = [1.0, 2.0, float("nan")]
frame = pl.DataFrame({"x": numbers})
for writer, write in (
    ("DuckDB", lambda: duckdb.sql(f"COPY (SELECT * FROM frame) TO '{file}'")),
    ("Polars", lambda: frame.write_parquet(file)),
    ("pyarrow", lambda: pq.write_table(pa.table({"x": numbers}), file)),
):
    write()
    for condition in ("x = 'nan'", "x > 5"):
        ((found,),) = duckdb.sql(f"SELECT count(*) FROM '{file}' WHERE {condition}").fetchall()
        full = f"SELECT count(*) FILTER ({condition}) FROM '{file}'"
        ((there,),) = duckdb.sql(full).fetchall()
        print(f"written by {writer}: WHERE {condition} finds {found} of {there}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
