#!/usr/bin/env bash
# One would guess: `DeltaTable.file_uris()` gives addresses that can be opened. A table may name
# files by absolute paths (a shallow clone does), and the protocol allows it.
# What happens: deltalake reads such a table right, but `file_uris()` puts the table's own folder
# before an address that is absolute already. `deletion_vectors()` has the right address.
# Versions: deltalake 1.6.6, pyarrow 26.0.1, pyroaring 1.2.0, Python 3.11. Seen on 2026-11-30:
#   rows of the clone: [0, 1, 3]
#   deletion_vectors(): the file of the first table
#   file_uris(): CLONE/file:FIRST/rows.parquet
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    deltalake==1.6.6 pyarrow==26.0.1 pyroaring==1.2.0
cat > "$work/see.py" <<'PY'
"""A clone of one file by its absolute address, with the third of four rows deleted."""

import base64
import json
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from pyroaring import BitMap64

first, clone = (Path(sys.argv[1]) / name for name in ("first", "clone"))
first.mkdir()
log = clone / "_delta_log"
log.mkdir(parents=True)
file = first / "rows.parquet"
pq.write_table(pa.table({"n": pa.array(range(4), pa.int64())}), file)

# a deletion vector is written inline in Z85: Python's base 85 in another alphabet
of_z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
of_b85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
data = struct.pack("<i", 1681511377) + BitMap64([2]).serialize()
text = base64.b85encode(data, pad=True).decode().translate(str.maketrans(of_b85, of_z85))
vector = {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": 1}
field = {"name": "n", "type": "long", "nullable": True, "metadata": {}}
schema = json.dumps({"type": "struct", "fields": [field]})
actions = [
    {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
                  "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}},
    {"metaData": {"id": "00000000-0000-0000-0000-000000000001", "schemaString": schema,
                  "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                  "configuration": {}, "createdTime": 1}},
    {"add": {"path": file.as_uri(), "partitionValues": {}, "size": file.stat().st_size,
             "modificationTime": 1, "dataChange": True, "deletionVector": vector,
             "stats": json.dumps({"numRecords": 4})}},
]
(log / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))

table = DeltaTable(str(clone))
rows = QueryBuilder().register("t", table).execute("SELECT n FROM t ORDER BY n").read_all()
print("rows of the clone:", pa.table(rows).column("n").to_pylist())
(named,) = pa.table(table.deletion_vectors()).column("filepath").to_pylist()
print("deletion_vectors(): the file of the first table" if named == file.as_uri() else named)
(uri,) = table.file_uris()
print("file_uris():", uri.replace(str(clone), "CLONE").replace(str(first), "FIRST"))
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
