#!/usr/bin/env bash
# One would guess: a Parquet file of texts can be filtered by pyarrow, whoever has written it.
# What happens: pa.table(frame) takes the texts of a Polars frame as string_view, where
# frame.to_arrow() gives large_string. pq.write_table stores that type beside the Parquet schema,
# and pq.read_table gives string_view again. pyarrow 26 can neither filter, take, sort nor compare
# such a column, nor read the file with filters=. Files by frame.write_parquet are fine, and so is
# a cast to string after reading.
# Versions: Polars 2.1.0, pyarrow 26.0.1, Python 3.11. Seen on 2026-12-01:
#   pa.table(frame): string_view, read back as string_view
#   ArrowNotImplementedError: filters=, filter, take, sort, equal
#   frame.to_arrow(): large_string, read back as large_string
#   ArrowNotImplementedError: none
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check polars==2.1.0 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import sys

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

file = f"{sys.argv[1]}/a.parquet"
frame = pl.DataFrame({"id": [1, 2, 3], "text": ["a", "b", "c"]})


def refused(what):
    try:
        what()
    except pa.lib.ArrowNotImplementedError:
        return True
    return False


for name, table in (("pa.table(frame)", pa.table(frame)), ("frame.to_arrow()", frame.to_arrow())):
    pq.write_table(table, file)
    read = pq.read_table(file)
    later = pc.greater(read["id"], 1)
    ways = {
        "filters=": lambda: pq.read_table(file, filters=[("id", ">", 1)]),
        "filter": lambda: read.filter(later),
        "take": lambda: read.take([0]),
        "sort": lambda: read.sort_by("id"),
        "equal": lambda: pc.equal(read["text"], "a"),
        "cast to string": lambda: read.set_column(
            1, "text", read["text"].cast(pa.string())
        ).filter(later),
    }
    print(f"{name}: {table['text'].type}, read back as {read['text'].type}")
    names = [way for way, what in ways.items() if refused(what)]
    print(f"ArrowNotImplementedError: {', '.join(names) or 'none'}")
PY
seen=$("$work/venv/bin/python" "$work/see.py" "$work")
echo "$seen"
expected="pa.table(frame): string_view, read back as string_view
ArrowNotImplementedError: filters=, filter, take, sort, equal
frame.to_arrow(): large_string, read back as large_string
ArrowNotImplementedError: none"
if [ "$seen" != "$expected" ]; then
    echo "this is not what the comment says" >&2
    exit 1
fi
