#!/usr/bin/env bash
# One would guess: a write that raises leaves a Delta table as it was; and a partition column of
# decimals may hold negative ones.
# What happens: deltalake commits a negative decimal with a fraction under a text that is no number
# ("-1.-50" for -1.50), and raises afterwards. From then on no row of the table can be read.
# Versions: deltalake 1.6.6, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-30:
#   append 1.05: written; the table has ['1.05']
#   append -2.00: written; the table has ['-2.00', '1.05']
#   append -1.50: Failed to parse value '-1.-50'; the table: Failed to parse value '-1.-50'
#   append 0.50: Failed to parse value '-1.-50'; the table: Failed to parse value '-1.-50'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import re
import sys
from decimal import Decimal

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

root = f"{sys.argv[1]}/table"


def fault(error):
    found = re.search(r"Failed to parse value '[^']*'", str(error))
    return found[0] if found else type(error).__name__


for text in ("1.05", "-2.00", "-1.50", "0.50"):
    price = pa.array([Decimal(text)], pa.decimal128(10, 2))
    rows = pa.table({"id": [1], "price": price})
    try:
        write_deltalake(root, rows, partition_by=["price"], mode="append")
        said = "written"
    except Exception as error:
        said = fault(error)
    try:
        read = DeltaTable(root).to_pyarrow_table().column("price").to_pylist()
        print(f"append {text}: {said}; the table has {sorted(map(str, read))}")
    except Exception as error:
        print(f"append {text}: {said}; the table: {fault(error)}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
