#!/usr/bin/env bash
# One would guess: whether a row of a Delta table is deleted does not depend on the value of its
# partition.
# What happens: `polars.scan_delta` leaves out the rows that a deletion vector names, but not where
# the folder of the partition has an escape: a space in the value is enough. There it gives the
# deleted rows back, without a word. deltalake reads both tables right.
# Versions: polars 2.1.0, deltalake 1.6.6, pyarrow 26.0.1, pyroaring 1.2.0, Python 3.11.
# Seen on 2026-11-30:
#   'ab': deltalake [2, 3], polars [2, 3]
#   'a b': deltalake [2, 3], polars [1, 2, 3]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    polars==2.1.0 deltalake==1.6.6 pyarrow==26.0.1 pyroaring==1.2.0
cat > "$work/see.py" <<'PY'
"""Two tables of three rows in one partition, the first row deleted by a vector."""

import base64
import json
import struct
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pyroaring import BitMap64

# a deletion vector is written inline in Z85: Python's base 85 in another alphabet
of_z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
of_b85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
data = struct.pack("<i", 1681511377) + BitMap64([0]).serialize()
text = base64.b85encode(data, pad=True).decode().translate(str.maketrans(of_b85, of_z85))
vector = {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": 1}

for number, value in enumerate(("ab", "a b")):
    folder = Path(sys.argv[1]) / f"table{number}"
    write_deltalake(folder, pa.table({"n": [1, 2, 3], "p": [value] * 3}), partition_by=["p"],
                    configuration={"delta.enableDeletionVectors": "true"})
    log = folder / "_delta_log"
    lines = map(json.loads, (log / f"{0:020}.json").read_text().splitlines())
    (add,) = (line["add"] for line in lines if "add" in line)
    remove = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    actions = [{"remove": remove}, {"add": add | {"deletionVector": vector}}]
    (log / f"{1:020}.json").write_text("\n".join(map(json.dumps, actions)))
    table = DeltaTable(folder)
    read = QueryBuilder().register("t", table).execute("SELECT n FROM t ORDER BY n").read_all()
    by_polars = sorted(pl.scan_delta(str(folder)).collect()["n"].to_list())
    print(f"{value!r}: deltalake {pa.table(read)['n'].to_pylist()}, polars {by_polars}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
