#!/usr/bin/env bash
# One would guess: 0-1 is no integer, and a field that is an int refuses it, as int() of Python
# does.
# What happens: pydantic drops zeros at the beginning before it looks for a sign, so that 0-1
# becomes -1 and 00-5 becomes -5. Segments 0-1 of a run would be the last one.
# Versions: pydantic 2.14.4, Python 3.11. Seen on 2026-11-29:
#   '0-1' becomes -1
#   '00-5' becomes -5
#   '1-0' is refused
#   '-0-1' is refused
#   '0 1' is refused
#   '0+1' is refused
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    pydantic==2.14.4
cat > "$work/see.py" <<'PY'
from pydantic import TypeAdapter, ValidationError

integers = TypeAdapter(int)
for text in ("0-1", "00-5", "1-0", "-0-1", "0 1", "0+1"):
    try:
        print(f"{text!r} becomes {integers.validate_python(text)}")
    except ValidationError:
        print(f"{text!r} is refused")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
