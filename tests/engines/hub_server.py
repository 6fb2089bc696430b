"""A server that speaks the hub's protocol for one model, and keeps what it is asked."""

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME, COMMIT = "someone/judge", "c0ffee" + 34 * "0"


class HubServer:
    """Serves a folder at `url` as the model NAME at COMMIT.

    `requests`: method and path of each. `held`: a name of a file that is not sent while it is set.
    `status`: of every answer, where it is not 200.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        self.held = ""
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def gets(self, file: str) -> int:
        """How often a file was asked for, at the commit."""
        return self.requests.count(f"GET /{NAME}/resolve/{COMMIT}/{file}")

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests.append(f"{request.command} {path}")
        if self.status != 200:
            return _send(request, self.status, b'{"error": "no"}')
        if path == f"/api/models/{NAME}/tree/{COMMIT}":
            return _send(request, 200, json.dumps(self._tree()).encode())
        if path.startswith(f"/api/models/{NAME}") and "/tree/" not in path:
            return _send(request, 200, json.dumps({"id": NAME, "sha": COMMIT}).encode())
        file = self.folder / path.rpartition("/")[2]
        if "/resolve/" not in path or not file.is_file():
            return _send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        data = file.read_bytes()
        while request.command == "GET" and file.name == self.held:
            time.sleep(0.05)
        return _send(request, 200, data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"'})

    def _tree(self) -> list[dict]:
        return [
            {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": 40 * "0"}
            for file in sorted(self.folder.iterdir())
        ]


def _send(request, status, data, headers=None):
    request.send_response(status)
    always = {"X-Repo-Commit": COMMIT, "Content-Length": str(len(data))}
    for name, value in (always | (headers or {})).items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "GET":
        with contextlib.suppress(ConnectionError):
            request.wfile.write(data)
