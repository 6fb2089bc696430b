#!/usr/bin/env bash
# One would guess: a new Delta table for which only deletion vectors are turned on asks its readers
# for deletion vectors, and for nothing else.
# What happens: deltalake also writes the feature `variantType` into the protocol, though no column
# is a variant. A reader that refuses features which it does not know refuses the table. And
# deltalake's own `optimize.compact()` leaves a lone file with deleted rows as it is.
# Versions: deltalake 1.6.6, pyarrow 26.0.1, pyroaring 1.2.0, Python 3.11. Seen on 2026-11-30:
#   reader features: deletionVectors, variantType
#   columns: n long
#   rows: 3, count(): 4
#   compact(): 0 files removed, rows still deleted by a vector: 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    deltalake==1.6.6 pyarrow==26.0.1 pyroaring==1.2.0
cat > "$work/see.py" <<'PY'
import base64
import json
import struct
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pyroaring import BitMap64

root = Path(sys.argv[1]) / "table"
rows = pa.table({"n": pa.array(range(4), pa.int64())})
write_deltalake(str(root), rows, configuration={"delta.enableDeletionVectors": "true"})
table = DeltaTable(str(root))
print("reader features:", ", ".join(sorted(table.protocol().reader_features)))
print("columns:", *(f"{field.name} {field.type.type}" for field in table.schema().fields))

# delete the third row by a vector, as the protocol says; deltalake writes none itself
of_z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
of_b85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
data = struct.pack("<i", 1681511377) + BitMap64([2]).serialize()
text = base64.b85encode(data, pad=True).decode().translate(str.maketrans(of_b85, of_z85))
vector = {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": 1}
log = root / "_delta_log"
lines = map(json.loads, (log / f"{0:020}.json").read_text().splitlines())
(add,) = (line["add"] for line in lines if "add" in line)
remove = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True, "partitionValues": {},
          "size": add["size"], "extendedFileMetadata": True}
commit = [{"remove": remove}, {"add": {**add, "deletionVector": vector}}]
(log / f"{1:020}.json").write_text("\n".join(map(json.dumps, commit)))

table = DeltaTable(str(root))
found = QueryBuilder().register("t", table).execute("SELECT n FROM t").read_all()
print(f"rows: {len(pa.table(found))}, count(): {table.count()}")
removed = table.optimize.compact()["numFilesRemoved"]
left = sum(
    vector.count(False)
    for vector in pa.table(table.deletion_vectors()).column("selection_vector").to_pylist()
)
print(f"compact(): {removed} files removed, rows still deleted by a vector: {left}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
