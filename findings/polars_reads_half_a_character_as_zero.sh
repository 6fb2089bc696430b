#!/usr/bin/env bash
# One would guess: the escape of half a character ("\ud83d" alone, as a text that was cut in the
# middle of an emoji has it) is refused, or becomes the replacement character.
# What happens: Polars reads it as the character zero, and pandas leaves it out, without a word.
# pyarrow refuses it.
# Versions: Polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1, Python 3.11. Seen on 2026-11-30:
#   Polars: ["x\x00y"]
#   pandas: ["xy"]
#   pyarrow: ArrowInvalid
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import json
import sys
from pathlib import Path

import pandas
import polars
import pyarrow.json

file = str(Path(sys.argv[0]).with_name("a.jsonl"))
Path(file).write_text(json.dumps({"a": "x\ud83dy"}) + "\n")
readers = {
    "Polars": lambda: polars.read_ndjson(file)["a"].to_list(),
    "pandas": lambda: pandas.read_json(file, lines=True)["a"].tolist(),
    "pyarrow": lambda: pyarrow.json.read_json(file).column("a").to_pylist(),
}
for name, read in readers.items():
    try:
        print(f"{name}: {read()}".replace("\x27", "\""))
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
PY

"$work/venv/bin/python" "$work/see.py" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
