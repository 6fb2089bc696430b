#!/usr/bin/env bash
# One would guess: a table that is partitioned by a column of doubles gives the rows of a value
# when one asks for the value.
# What happens: pyiceberg writes the partition's value right, and reads it back from the manifest
# as a float of 32 bits. 0.1 becomes 0.10000000149011612 and 1e300 infinity, so that the file of
# 0.1 is passed over by a filter, and its rows are missing without a word.
# Versions: pyiceberg 0.12.0, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-30:
#   all rows: [0.1, 0.5, 1e+300]
#   values of the partitions: [0.10000000149011612, 0.5, inf]
#   rows where x == 0.5: 1
#   rows where x == 0.1: 0
#   rows where x == 1e300: 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    'pyiceberg[sql-sqlite]==0.12.0' pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DoubleType, NestedField

root = sys.argv[1]
catalog = SqlCatalog("c", uri=f"sqlite:///{root}/c.db", warehouse=f"file://{root}/warehouse")
catalog.create_namespace("n")
schema = Schema(NestedField(1, "x", DoubleType(), required=False))
spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "x"))
table = catalog.create_table("n.t", schema, partition_spec=spec)
table.append(pa.table({"x": [0.1, 0.5, 1e300]}))

print("all rows:", sorted(table.scan().to_arrow().column("x").to_pylist()))
files = table.inspect.files().column("partition").to_pylist()
print("values of the partitions:", sorted(one["x"] for one in files))
for value in (0.5, 0.1, 1e300):
    found = table.scan(row_filter=EqualTo("x", value)).to_arrow()
    print(f"rows where x == {value:g}: {len(found)}".replace("1e+300", "1e300"))
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
