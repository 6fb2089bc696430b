#!/usr/bin/env bash
# One would guess: the sum of a column of BIGINT comes back from Parquet as the number that it
# was.
# What happens: DuckDB's sum of BIGINT is a HUGEINT, and COPY writes a HUGEINT as DOUBLE. Above
# 2**53 another number is read, without a word. A cast to DECIMAL(38, 0) keeps it.
# Versions: DuckDB 2.0.1, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-29:
#   in DuckDB: HUGEINT 9007199254740993
#   sum(tokens) in the file: double 9007199254740992
#   sum(tokens)::DECIMAL(38, 0) in the file: decimal128(38, 0) 9007199254740993
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    duckdb==2.0.1 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys

import duckdb
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
rows = "FROM (VALUES (9007199254740992), (1)) t(tokens)"
print("in DuckDB:", *duckdb.sql(f"SELECT typeof(sum(tokens)), sum(tokens) {rows}").fetchall()[0])
for cast in ("", "::DECIMAL(38, 0)"):
    duckdb.sql(f"COPY (SELECT sum(tokens){cast} AS total {rows}) TO '{file}'")
    kind = pq.read_schema(file).field("total").type
    ((total,),) = duckdb.sql(f"SELECT total::DECIMAL(38, 0) FROM '{file}'").fetchall()
    print(f"sum(tokens){cast} in the file: {kind} {total}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
