#!/usr/bin/env bash
# One would guess: readers of JSON Lines agree about an object that has a key twice, or refuse it.
# What happens: Polars keeps the first value and pandas the last one, without a word. DuckDB and
# pyarrow refuse the whole file.
# Versions: DuckDB 2.0.0, Polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1, Python 3.11. Seen on
# 2026-11-30, of {"a":1} and {"a":2,"a":3}:
#   Polars: [1, 2]
#   pandas: [1, 3]
#   DuckDB: InvalidInputException
#   pyarrow: ArrowInvalid
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    duckdb==2.0.0 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow.json

file = str(Path(sys.argv[0]).with_name("a.jsonl"))
Path(file).write_text("{\"a\":1}\n{\"a\":2,\"a\":3}\n")
readers = {
    "Polars": lambda: polars.read_ndjson(file)["a"].to_list(),
    "pandas": lambda: pandas.read_json(file, lines=True)["a"].tolist(),
    "DuckDB": lambda: [a for (a,) in duckdb.sql(f"SELECT a FROM read_json({file!r})").fetchall()],
    "pyarrow": lambda: pyarrow.json.read_json(file).column("a").to_pylist(),
}
for name, read in readers.items():
    try:
        print(f"{name}: {read()}")
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
PY

"$work/venv/bin/python" "$work/see.py" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
