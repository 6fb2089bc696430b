#!/usr/bin/env bash
# One would guess: a file that ClickHouse writes is read by DuckDB, or at least its column of
# texts.
# What happens: a column of the type Point brings the file metadata `geo`, whose `crs` is the
# text EPSG:4326 where GeoParquet has an object. DuckDB then refuses the whole file, the column
# of texts too. The coordinates are bytes that are annotated as UTF-8 text.
# Versions: chdb 4.4.0 (ClickHouse 26.9.2), DuckDB 2.0.1, pyarrow 26.0.1, Python 3.11. Seen on
# 2026-11-29:
#   crs: EPSG:4326
#   place is annotated as String
#   pyarrow: {'text': ['one']}
#   DuckDB: InvalidInputException: Invalid Input Error: Geoparquet column 'place' has invalid CRS
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    chdb==4.4.0 duckdb==2.0.1 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import json
import sys

import chdb
import duckdb
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
query = "SELECT 'one' AS text, (1.0, 2.0)::Point AS place"
chdb.query(f"{query} INTO OUTFILE '{file}' TRUNCATE FORMAT Parquet")
metadata = pq.read_metadata(file).metadata
print("crs:", json.loads(metadata[b"geo"])["columns"]["place"]["crs"])
print("place is annotated as", pq.ParquetFile(file).schema.column(1).logical_type)
print("pyarrow:", pq.read_table(file, columns=["text"]).to_pydict())
try:
    print("DuckDB:", duckdb.sql(f"SELECT text FROM '{file}'").fetchall())
except duckdb.Error as error:
    print(f"DuckDB: {type(error).__name__}: {error}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
