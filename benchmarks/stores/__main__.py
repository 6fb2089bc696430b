"""Start every object store that can be installed, measure it, and make docs/stores.md.

    python -m benchmarks.stores [--only NAME,...] [--output docs/stores.md]

Stores of PyPI and npm are installed, at the versions in benchmarks/stores/stores.py, into separate
environments in the folder `--environments` (by default a temporary one). Each store gets a
temporary folder for its files, and is stopped after it was measured. All servers listen on
127.0.0.1 only. A store that cannot be installed or started is named under the tables.

gcsfs and adlfs are the clients of gs:// and az://. Stores of npm need node 20 and npm. Stores of
Debian need root, and are measured if their commands are installed:

    apt-get install swift-proxy swift-account swift-container swift-object memcached
    apt-get install radosgw ceph-mon ceph-osd ceph-common
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stores.install import NotHere, client_python
from benchmarks.stores.measure import ROUNDS
from benchmarks.stores.page import Row, page
from benchmarks.stores.started import Place, stopped_at_the_end
from benchmarks.stores.stores import BUCKET, STORES, Store

CLIENTS = ("gcsfs==2026.10.1", "adlfs==2026.8.0")
# Seconds that the measures of a store may take.
MEASURED_S = 240


def measured(store: Store, environments: Path) -> Row:
    """Install, start and measure a store. If that fails, the row says why."""
    name = store.name.replace(" ", "-").lower()
    try:
        commands = store.source.install(environments / name)
        python = Path(sys.executable)
        if store.protocol != "s3":
            python = client_python(environments / "clients", CLIENTS)
        version = store.source.version()
        with tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True) as folder:
            place = Place(Path(folder), commands)
            with stopped_at_the_end(place):
                environment = store.start(place)
                place.wait()
                return Row(store, version, ask(python, store, {**os.environ, **environment}))
    except NotHere as error:
        return Row(store, why=str(error))


def ask(python: Path, store: Store, environment: dict[str, str]) -> dict[str, str]:
    """Measure a store in a separate process, because clients read their environment only once."""
    command: list[str | Path] = [python, "-m", "benchmarks.stores.measure", store.protocol, BUCKET]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False,
            timeout=MEASURED_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotHere(f"its measures take longer than {MEASURED_S} s") from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise NotHere(f"it cannot be measured: {done.stderr.strip().splitlines()[-1][:300]}")
    found: dict[str, str] = json.loads(lines[-1])
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="names of stores, with commas between them")
    parser.add_argument("--output", type=Path, default=Path("docs/stores.md"))
    parser.add_argument("--environments", type=Path, help="kept for the next time")
    options = parser.parse_args(arguments)
    chosen = [one for one in STORES if not options.only or one.name in options.only.split(",")]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        environments = (options.environments or Path(work)).resolve()
        rows = []
        for store in chosen:
            since = time.monotonic()
            rows.append(row := measured(store, environments))
            print(f"{store.name}: {row.why or row.version}, {time.monotonic() - since:.0f} s")
            for name, text in row.found.items():
                print(f"    {name}: {text}", flush=True)
    options.output.write_text(page(rows, ROUNDS))
    print(f"{len(rows)} stores in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
