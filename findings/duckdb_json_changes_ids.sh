#!/usr/bin/env bash
# One would guess: a text in JSON Lines stays the text that it is.
# What happens: DuckDB's read_json takes a column of texts that look like UUIDs for UUIDs, and
# writes them in small letters: an id in capitals finds its document no more. Texts that look like
# dates become dates. A line that ends in ",}" is no JSON, and is read. `columns=` or
# `auto_detect=false` keep texts.
# Versions: DuckDB 2.0.0, Python 3.11. Seen on 2026-11-30:
#   UUID 550e8400-e29b-41d4-a716-446655440000
#   DATE 2024-01-02
#   BIGINT 1
#   with columns={'a': 'VARCHAR'}: VARCHAR 550E8400-E29B-41D4-A716-446655440000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check duckdb==2.0.0
cat > "$work/see.py" <<'PY'
import sys
from pathlib import Path

import duckdb

file = str(Path(sys.argv[1]) / "a.jsonl")
lines = [
    '{"a":"550E8400-E29B-41D4-A716-446655440000"}',
    '{"a":"2024-01-02"}',
    '{"a":1,}',
]


def seen(options=""):
    rows = duckdb.sql(f"SELECT typeof(a), a::VARCHAR FROM read_json('{file}'{options})").fetchall()
    return " ".join(rows[0])


for line in lines:
    Path(file).write_text(f"{line}\n")
    print(seen())
Path(file).write_text(f"{lines[0]}\n")
print("with columns={'a': 'VARCHAR'}:", seen(", columns={'a': 'VARCHAR'}"))
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
