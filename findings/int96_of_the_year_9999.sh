#!/usr/bin/env bash
# One would guess: 9999-12-31, the usual "no end", is read as that or refused, also where it is
# stored as INT96 (Spark's default).
# What happens: INT96 has room for it, and 64 bits of nanoseconds end in 2262. DuckDB reads it
# right. Polars gives the last nanosecond that there is. pyarrow and fastparquet wrap around to
# the year 1816. None of them says a word. pyarrow is right where it is told to read
# microseconds.
# Versions: pyarrow 26.0.1, DuckDB 2.0.1, Polars 2.1.0, fastparquet 2026.9.0, pandas 3.1.1,
# numpy 2.4.6, Python 3.11. Seen on 2026-11-29:
#   DuckDB: 9999-12-31 00:00:00
#   Polars: 2262-04-11 23:47:16.854775807
#   fastparquet: 1816-03-29 05:56:08.066277376
#   pyarrow: 1816-03-29 05:56:08.066277376
#   pyarrow, microseconds: 9999-12-31 00:00:00.000000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6
cat > "$work/see.py" <<'PY'
import datetime
import sys

import duckdb
import fastparquet
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
far = pa.array([datetime.datetime(9999, 12, 31)], pa.timestamp("us"))
pq.write_table(
    pa.table({"until": far}), file, use_deprecated_int96_timestamps=True, store_schema=False
)


def by_pyarrow(**options):
    return pq.read_table(file, **options)["until"].cast(pa.string())[0]


print("DuckDB:", duckdb.sql(f"SELECT until::VARCHAR FROM '{file}'").fetchall()[0][0])
print("Polars:", pl.read_parquet(file)["until"].cast(pl.String)[0])
print("fastparquet:", fastparquet.ParquetFile(file).to_pandas()["until"][0])
print("pyarrow:", by_pyarrow())
print("pyarrow, microseconds:", by_pyarrow(coerce_int96_timestamp_unit="us"))
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
