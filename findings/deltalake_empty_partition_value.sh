#!/usr/bin/env bash
# One would guess: a partition value is the same for each way in which deltalake reads a table.
# What happens: `write_deltalake` commits an empty text as the partition value "", which Delta's
# protocol reads as null. The table as Arrow has a null there; SQL has an empty text, and WHERE p IS
# NULL does not find the row. So a count by SQL and a count of the Arrow table differ.
# Versions: deltalake 1.6.6, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-30:
#   committed: ['', None]
#   as Arrow: [(1, None), (2, None)]
#   by SQL: [(1, ''), (2, None)]
#   by SQL, WHERE p IS NULL: 1 of 2 rows
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
"""A table of two rows, in the partitions of an empty text and of null."""

import json
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

folder = Path(sys.argv[1]) / "table"
write_deltalake(folder, pa.table({"n": [1, 2], "p": ["", None]}), partition_by=["p"])
lines = map(json.loads, (folder / "_delta_log" / f"{0:020}.json").read_text().splitlines())
values = [line["add"]["partitionValues"]["p"] for line in lines if "add" in line]
print("committed:", sorted(values, key=lambda value: value is None))


def pairs(rows):
    return sorted(zip(rows["n"].to_pylist(), rows["p"].to_pylist(), strict=True))


table = DeltaTable(folder)
print("as Arrow:", pairs(table.to_pyarrow_table()))
sql = QueryBuilder().register("t", table)
print("by SQL:", pairs(pa.table(sql.execute("SELECT n, p FROM t").read_all())))
found = pa.table(sql.execute("SELECT n FROM t WHERE p IS NULL").read_all())
print(f"by SQL, WHERE p IS NULL: {len(found)} of 2 rows")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
