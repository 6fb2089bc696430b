#!/usr/bin/env bash
# One would guess: use_listings_cache=False keeps a filesystem of fsspec from answering out of an
# old listing, and one that is unpickled in another process starts without any.
# What happens: HfFileSystem takes that option without a word and ignores it. Pickle takes its
# listings along, and an instance that another thread makes starts with those of the main thread.
# All of them give the old size and the old blob_id of a file that has changed on the hub, and
# read its lines up to the old size only; read() gives the whole file. skip_instance_cache=True
# starts afresh, and ls(refresh=True) asks the hub again.
# Versions: huggingface_hub 2.4.0, fsspec 2026.9.0, Python 3.11. The hub is a small server of this
# file. Seen on 2026-11-29, after the hub's file of 1 line (blob 1) has become 3 lines (blob 2):
#   the same instance: 8 bytes of blob 1, 1 line by line, 3 by read()
#   unpickled in another process: 8 bytes of blob 1, 1 line by line, 3 by read()
#   made in another thread: 8 bytes of blob 1, 1 line by line, 3 by read()
#   made with skip_instance_cache=True: 24 bytes of blob 2, 3 line by line, 3 by read()
#   the same instance after ls(refresh=True): 24 bytes of blob 2, 3 line by line, 3 by read()
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check huggingface_hub==2.4.0 \
    fsspec==2026.9.0 2> "$work/pip" || { cat "$work/pip" >&2; exit 1; }
cat > "$work/see.py" <<'PY'
import json
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub import HfFileSystem

PATH = "datasets/some/rows/rows.jsonl"


class Hub(BaseHTTPRequestHandler):
    lines = blob = 1

    def do_GET(self):
        body = b'{"x":1}\n' * self.lines
        if self.path.startswith("/api/datasets/some/rows/tree/main"):
            file = {"type": "file", "path": "rows.jsonl", "size": len(body), "oid": f"{self.blob}"}
            self.answer(200, json.dumps([file]).encode())
        elif self.path.startswith("/api/datasets/some/rows"):
            self.answer(200, json.dumps({"id": "some/rows"}).encode())
        elif asked := self.headers.get("Range"):
            first, last = asked.removeprefix("bytes=").split("-")
            self.answer(206, body[int(first) : int(last or len(body)) + 1])
        else:
            self.answer(200, body)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def see(store):
    info = store.info(PATH)
    with store.open(PATH) as file:
        lines = len(list(file))
    with store.open(PATH) as file:
        whole = file.read().count(b"\n")
    said = f"{info['size']} bytes of blob {info['blob_id']}"
    return f"{said}, {lines} line by line, {whole} by read()"


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = {"endpoint": f"http://127.0.0.1:{server.server_port}", "token": False,
               "use_listings_cache": False}
    store = HfFileSystem(**options)
    store.ls("datasets/some/rows")
    Hub.lines, Hub.blob = 3, 2
    print("the same instance:", see(store))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as another:
        print("unpickled in another process:", another.submit(see, store).result())
    with ThreadPoolExecutor(1) as another:
        seen = another.submit(lambda: see(HfFileSystem(**options))).result()
    print("made in another thread:", seen)
    fresh = HfFileSystem(**options, skip_instance_cache=True)
    print("made with skip_instance_cache=True:", see(fresh))
    store.ls("datasets/some/rows", refresh=True)
    print("the same instance after ls(refresh=True):", see(store))
PY
HF_HOME="$work" "$work/venv/bin/python" "$work/see.py" 2> "$work/said" | tee "$work/seen" ||
    { tail -n 20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
