#!/usr/bin/env bash
# A Lance dataset that an old pylance has written, or data_storage_version="legacy", to which rows
# with nulls are appended today.
#
# One would guess: a null is stored as a null, or the write is refused. An append keeps the format of
# the dataset.
#
# What happens: the append keeps the format, and that format has nulls for some types only. An integer
# null is read back as 0, a double null as 0.0, a list null as an empty list, and an empty text as
# null. Neither the write nor the read raises or warns. The same rows in a new dataset are right.
#
# pylance 14.0.2, pyarrow 26.0.1; seen 2026-11-30. Output:
#   appended:        {'i': [1, None], 'f': [1.5, None], 's': ['', None], 'l': [[1], None]}
#   read, legacy:    {'i': [1, 0], 'f': [1.5, 0.0], 's': [None, None], 'l': [[1], []]}
#   read, new:       {'i': [1, None], 'f': [1.5, None], 's': ['', None], 'l': [[1], None]}
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check pylance==14.0.2 pyarrow==26.0.1
cat > "$here/see.py" <<'PYTHON'
import sys

import lance
import pyarrow as pa

first = pa.table({"i": [7], "f": [0.5], "s": ["a"], "l": [[2]]})
more = pa.table({"i": [1, None], "f": [1.5, None], "s": ["", None], "l": [[1], None]})
print("appended:       ", more.to_pydict())
for name, version in (("legacy", "legacy"), ("new", "stable")):
    path = f"{sys.argv[1]}/{name}.lance"
    lance.write_dataset(first, path, data_storage_version=version)
    lance.write_dataset(more, path, mode="append")
    print(f"read, {name}:".ljust(16), lance.dataset(path).to_table().slice(1).to_pydict())
PYTHON
"$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" > "$here/out" || { tail -20 "$here/log" >&2; exit 1; }
cat "$here/out"
diff <(sed -n 's/^#   //p' "$0") "$here/out" || { echo "Lance no longer does what the comment says" >&2; exit 1; }
