#!/usr/bin/env bash
# A data set with probabilities, perplexities or losses is written as JSON Lines by datasets'
# to_json, for another program to read.
#
# One would guess: a double is written with as many digits as give the same double again, as
# Python's json, DuckDB and Polars do.
#
# What happens: numbers get ten digits behind the point, so that 1.5e-11 is written as 0.0, without
# a warning. Two different numbers can become one. `double_precision=15`, the most that is taken,
# still cuts digits. Times are written as whole milliseconds since 1970.
#
# datasets 5.2.0, pandas 3.1.1; seen 2026-11-30. Output:
#   1.5e-11 is written as 0.0
#   3.3333333333333333e-06 is written as 0.0000033333
#   0.00012345678912345678 with double_precision=15 is written as 0.000123456789123
#   a time with 456 microseconds is written as 1704070923000
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check datasets==5.2.0 pandas==3.1.1
cat > "$here/see.py" <<'PYTHON'
import datetime
import sys

import datasets

datasets.disable_progress_bars()


def written(value, **options):
    path = f"{sys.argv[1]}/a.jsonl"
    datasets.Dataset.from_dict({"x": [value]}).to_json(path, **options)
    return open(path).read().strip().removeprefix('{"x":').removesuffix("}")


print("1.5e-11 is written as", written(1.5e-11))
print("3.3333333333333333e-06 is written as", written(1e-5 / 3))
print("0.00012345678912345678 with double_precision=15 is written as",
      written(0.00012345678912345678, double_precision=15))
print("a time with 456 microseconds is written as",
      written(datetime.datetime(2024, 1, 1, 1, 2, 3, 456)))
PYTHON
HF_HOME="$here/cache" "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" > "$here/out" || { tail -20 "$here/log" >&2; exit 1; }
cat "$here/out"
diff <(sed -n 's/^#   //p' "$0") "$here/out" || { echo "datasets no longer does what the comment says" >&2; exit 1; }
