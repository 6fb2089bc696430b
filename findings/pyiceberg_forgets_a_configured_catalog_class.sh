#!/usr/bin/env bash
# One would guess: a catalog of one's own class is configured as any other: `py-catalog-impl` in
# .pyiceberg.yaml, or in PYICEBERG_CATALOG__NAME__PY_CATALOG_IMPL, and `load_catalog("name")`.
# What happens: pyiceberg merges the configuration, and then looks for `py-catalog-impl` only among
# the arguments of the call. The error asks for a URI that the class does not need.
# Versions: pyiceberg 0.12.0, Python 3.11. Seen on 2026-11-30:
#   the configuration has it: mine.Mine
#   load_catalog("mine"): ValueError: URI missing, please provide using --uri, the config or environment variable PYICEBERG_CATALOG__MINE__URI
#   load_catalog("mine", **{"py-catalog-impl": "mine.Mine"}): Mine
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pyiceberg==0.12.0
cat > "$work/mine.py" <<'PY'
from pyiceberg.catalog.noop import NoopCatalog


class Mine(NoopCatalog):
    """A catalog of one's own."""
PY
cat > "$work/see.py" <<'PY'
from pyiceberg.catalog import load_catalog
from pyiceberg.utils.config import Config

print("the configuration has it:", Config().get_catalog_config("mine")["py-catalog-impl"])
try:
    print('load_catalog("mine"):', type(load_catalog("mine")).__name__)
except ValueError as error:
    print(f'load_catalog("mine"): ValueError: {error}')
catalog = load_catalog("mine", **{"py-catalog-impl": "mine.Mine"})
print('load_catalog("mine", **{"py-catalog-impl": "mine.Mine"}):', type(catalog).__name__)
PY
PYICEBERG_CATALOG__MINE__PY_CATALOG_IMPL=mine.Mine PYTHONPATH=$work \
    "$work/venv/bin/python" "$work/see.py" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
