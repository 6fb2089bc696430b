#!/usr/bin/env bash
# One would guess: times="int96" writes the moment that the column holds, whatever its unit;
# pandas 3 has microseconds by default.
# What happens: fastparquet takes the numbers of any unit for nanoseconds. A moment of 2024 in
# seconds, milliseconds or microseconds becomes one of January 1970, which every reader then
# sees. Only nanoseconds are right.
# Versions: fastparquet 2026.9.0, pandas 3.1.1, numpy 2.4.6, DuckDB 2.0.1, Python 3.11. Seen on
# 2026-11-29:
#   pandas itself: datetime64[us]
#   s: 2024-02-29 12:00:00 becomes 1970-01-01 00:00:01.709208
#   ms: 2024-02-29 12:00:00 becomes 1970-01-01 00:28:29.208
#   us: 2024-02-29 12:00:00 becomes 1970-01-20 18:46:48
#   ns: 2024-02-29 12:00:00 becomes 2024-02-29 12:00:00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6 duckdb==2.0.1
cat > "$work/see.py" <<'PY'
import sys

import duckdb
import fastparquet
import pandas as pd

file = f"{sys.argv[1]}/a.parquet"
moments = pd.Series(pd.to_datetime(["2024-02-29 12:00:00"]))
print(f"pandas itself: {moments.dtype}")
for unit in ("s", "ms", "us", "ns"):
    frame = pd.DataFrame({"moment": moments.astype(f"datetime64[{unit}]")})
    fastparquet.write(file, frame, times="int96")
    ((read,),) = duckdb.sql(f"SELECT moment::VARCHAR FROM '{file}'").fetchall()
    print(f"{unit}: {frame['moment'][0]} becomes {read}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
