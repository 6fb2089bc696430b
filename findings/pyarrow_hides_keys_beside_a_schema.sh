#!/usr/bin/env bash
# One would guess: the metadata of a Parquet file is the metadata of the schema that pyarrow
# reads, so that a table that is written again keeps a license.
# What happens: where an Arrow schema is stored in the file, pyarrow takes the metadata out of
# that alone. Keys that stand beside it, as Polars writes them, are in the footer only. A copy
# by read_table and write_table has lost them.
# Versions: pyarrow 26.0.1, Polars 2.1.0, Python 3.11. Seen on 2026-11-29:
#   keys of the footer: [b'ARROW:schema', b'license']
#   metadata of the schema: None
#   keys of a copy: [b'ARROW:schema']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    pyarrow==26.0.1 polars==2.1.0
cat > "$work/see.py" <<'PY'
import sys

import polars as pl
import pyarrow.parquet as pq

file, copy = f"{sys.argv[1]}/a.parquet", f"{sys.argv[1]}/b.parquet"
pl.DataFrame({"text": ["one"]}).write_parquet(file, metadata={"license": "CC0-1.0"})
print("keys of the footer:", sorted(pq.read_metadata(file).metadata))
print("metadata of the schema:", pq.read_schema(file).metadata)
pq.write_table(pq.read_table(file), copy)
print("keys of a copy:", sorted(pq.read_metadata(copy).metadata))
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
