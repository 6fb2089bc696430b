#!/usr/bin/env bash
# One would guess: a categorical column is read as it is by every reader, whatever dictionary
# each row group has.
# What happens: where the `pandas` key calls a column categorical, fastparquet gives all row
# groups the dictionary of the last one. Four documents of news and web come back as books and
# wiki, without an error.
# Versions: fastparquet 2026.9.0, pandas 3.1.1, numpy 2.4.6, pyarrow 26.0.1, Python 3.11. Seen
# on 2026-11-29:
#   pandas and pyarrow: news, web, news, web, books, wiki, books, wiki
#   fastparquet: books, wiki, books, wiki, books, wiki, books, wiki
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys

import fastparquet
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
sources = ["news", "web", "news", "web", "books", "wiki", "books", "wiki"]
schema = pa.Table.from_pandas(pd.DataFrame({"source": pd.Categorical(sources)})).schema
with pq.ParquetWriter(file, schema) as writer:
    for start in (0, 4):  # two row groups, each with a dictionary of its own
        part = pa.array(sources[start : start + 4], pa.large_string()).dictionary_encode()
        writer.write_table(pa.table({"source": part}).cast(schema))
for name, frame in (
    ("pandas and pyarrow", pd.read_parquet(file)),
    ("fastparquet", fastparquet.ParquetFile(file).to_pandas()),
):
    print(f"{name}: {', '.join(frame['source'].astype(str))}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
