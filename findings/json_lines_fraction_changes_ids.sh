#!/usr/bin/env bash
# One would guess: an integer in JSON Lines is read as it is, or not at all.
# What happens: one fraction in the column, in any other line, makes doubles of all its integers.
# Above 2**53 they are other integers, without a word, for each of these readers.
# Versions: DuckDB 2.0.0, Polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1, Python 3.11. Seen on
# 2026-11-30, of 9007199254740993 alone, and beside a line with 0.5:
#   Polars: 9007199254740993, beside 0.5 9007199254740992
#   pandas: 9007199254740993, beside 0.5 9007199254740992
#   DuckDB: 9007199254740993, beside 0.5 9007199254740992
#   pyarrow: 9007199254740993, beside 0.5 9007199254740992
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

alone, beside = (str(Path(sys.argv[0]).with_name(name)) for name in ("a.jsonl", "b.jsonl"))
Path(alone).write_text("{\"a\":9007199254740993}\n")
Path(beside).write_text("{\"a\":9007199254740993}\n{\"a\":0.5}\n")
readers = {
    "Polars": lambda file: polars.read_ndjson(file)["a"][0],
    "pandas": lambda file: pandas.read_json(file, lines=True)["a"].tolist()[0],
    "DuckDB": lambda file: duckdb.sql(f"SELECT a FROM read_json({file!r})").fetchall()[0][0],
    "pyarrow": lambda file: pyarrow.json.read_json(file).column("a")[0].as_py(),
}
for name, read in readers.items():
    print(f"{name}: {int(read(alone))}, beside 0.5 {int(read(beside))}")
PY

"$work/venv/bin/python" "$work/see.py" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
