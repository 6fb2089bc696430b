"""A server that speaks the hub's protocol for one repository, and keeps what it is asked."""

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

NAME, COMMIT = "someone/judge", "c0ffee" + 34 * "0"


class HubServer:
    """Serves a folder at `url` as a repository at COMMIT, the model NAME unless another is named.

    `requests`: method and path of each. `held`: a name of a file that is not sent while it is set.
    `status`: of every answer, where it is not 200.
    """

    def __init__(self, folder: Path, name: str = NAME, kind: str = "models") -> None:
        self.folder, self.name = folder, name
        self._api = f"/api/{kind}/{name}"
        self.requests: list[str] = []
        self.held = ""
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            do_HEAD = do_POST = do_GET

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
            headers = {"X-Error-Code": "RepoNotFound"} if self.status == 404 else {}
            return _send(request, self.status, b'{"error": "no"}', headers)
        if path in (f"{self._api}/tree/{COMMIT}", f"{self._api}/tree/main"):
            return _send(request, 200, json.dumps(self._tree()).encode())
        if path.startswith(f"{self._api}/paths-info/"):
            body = request.rfile.read(int(request.headers["Content-Length"]))
            asked = parse_qs(body.decode())["paths"]
            said = [one for one in self._tree() if one["path"] in asked]
            return _send(request, 200, json.dumps(said).encode())
        if path.startswith(self._api) and "/tree/" not in path:
            return _send(request, 200, json.dumps({"id": self.name, "sha": COMMIT}).encode())
        file = self.folder / path.rpartition("/")[2]
        if "/resolve/" not in path or not file.is_file():
            return _send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
        data = file.read_bytes()
        while request.command == "GET" and file.name == self.held:
            time.sleep(0.05)
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        if asked := request.headers.get("Range"):
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            return _send(request, 206, data[first : last + 1], headers)
        return _send(request, 200, data, headers)

    def _tree(self) -> list[dict]:
        return [
            {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _oid(file)}
            for file in sorted(self.folder.iterdir())
        ]


def _oid(file):
    return hashlib.sha1(file.read_bytes()).hexdigest()


def _send(request, status, data, headers=None):
    request.send_response(status)
    always = {"X-Repo-Commit": COMMIT, "Content-Length": str(len(data))}
    for name, value in (always | (headers or {})).items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        with contextlib.suppress(ConnectionError):
            request.wfile.write(data)
