#!/usr/bin/env bash
# One would guess: list_view is another layout of the same lists, so that a cast to list_ keeps
# every list.
# What happens: the cast writes one offset too few, so that the last list of the array comes out
# empty, without an error. The lists before it are right. validate() tells: it refuses the new
# array. Table.cast calls it and so raises ArrowInvalid; Array.cast does not. large_list_view does
# the same. to_pylist() of the view itself is right.
# Versions: pyarrow 26.0.1, Python 3.11. Seen on 2026-11-28:
#   list_view: [[1, 2]] becomes [[]], not valid
#   list_view: [[1, 2], [3], [4]] becomes [[1, 2], [3], []], not valid
#   list_view: [[1, 2], None, [3]] becomes [[1, 2], None, []], not valid
#   large_list_view: [[1, 2]] becomes [[]], not valid
#   large_list_view: [[1, 2], [3], [4]] becomes [[1, 2], [3], []], not valid
#   large_list_view: [[1, 2], None, [3]] becomes [[1, 2], None, []], not valid
#   Table.cast: ArrowInvalid
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    pyarrow==26.0.1
cat > "$work/see.py" <<'PY'
import pyarrow as pa

number = pa.int64()
for view, plain in ((pa.list_view, pa.list_), (pa.large_list_view, pa.large_list)):
    for rows in ([[1, 2]], [[1, 2], [3], [4]], [[1, 2], None, [3]]):
        array = pa.array(rows, view(number))
        assert array.to_pylist() == rows
        cast = array.cast(plain(number))
        try:
            cast.validate()
            verdict = "valid"
        except pa.ArrowInvalid:
            verdict = "not valid"
        print(f"{view.__name__}: {rows} becomes {cast.to_pylist()}, {verdict}")
rows = [[1, 2], None, [3]]
try:
    table = pa.table({"ids": pa.array(rows, pa.list_view(number))})
    table.cast(pa.schema({"ids": pa.list_(number)}))
    print("Table.cast: no error")
except pa.ArrowInvalid as error:
    print(f"Table.cast: {type(error).__name__}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
