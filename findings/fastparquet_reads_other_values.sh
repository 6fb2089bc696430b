#!/usr/bin/env bash
# One would guess: a date is read as that date, and four bytes as four bytes.
# What happens: fastparquet reads a date before 1677 as a moment of another century, and cuts
# the zero bytes at the end of values of fixed length: of a hash, a part is gone. No error, no
# warning.
# Versions: fastparquet 2026.9.0, pandas 3.1.1, numpy 2.4.6, pyarrow 26.0.1, Python 3.11. Seen
# on 2026-11-29:
#   day: 1066-10-14 becomes 2235-11-22 23:09:07.419103232
#   day: 2024-02-29 becomes 2024-02-29 00:00:00
#   hash: b'ab\x00\x00' becomes b'ab'
#   hash: b'\x00\x00\x00\x00' becomes b''
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import datetime
import sys

import fastparquet
import pyarrow as pa
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
columns = {
    "day": pa.array([datetime.date(1066, 10, 14), datetime.date(2024, 2, 29)]),
    "hash": pa.array([b"ab\0\0", b"\0\0\0\0"], pa.binary(4)),
}
for name, values in columns.items():
    pq.write_table(pa.table({name: values}), file)
    read = fastparquet.ParquetFile(file).to_pandas()[name]
    for written, found in zip(values.to_pylist(), read, strict=True):
        print(f"{name}: {written} becomes {found}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
