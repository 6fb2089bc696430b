#!/usr/bin/env bash
# One would guess: write_parquet(compression="zstd") writes zstd.
# What happens: daft's own writer takes the argument and writes Snappy, whatever it says. No
# error, no warning; a terabyte comes out as large as Snappy makes it.
# Versions: daft 0.6.14, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-29:
#   zstd is asked for: SNAPPY
#   gzip is asked for: SNAPPY
#   brotli is asked for: SNAPPY
#   snappy is asked for: SNAPPY
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    daft==0.6.14 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import glob
import sys

import daft
import pyarrow.parquet as pq

for codec in ("zstd", "gzip", "brotli", "snappy"):
    folder = f"{sys.argv[1]}/{codec}"
    daft.from_pydict({"text": ["one", "two"]}).write_parquet(folder, compression=codec)
    (file,) = glob.glob(f"{folder}/*.parquet")
    print(f"{codec} is asked for: {pq.read_metadata(file).row_group(0).column(0).compression}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
