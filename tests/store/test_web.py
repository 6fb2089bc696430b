"""A corpus on a web server: read as it is, with versions where the server has them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import file_version, list_files
from rm_ray.corpus.parquet import open_parquet
from rm_ray.errors import InputError
from rm_ray.store import filesystem


class Web:
    """Serves one file at `url`. `headers`: besides. `status`: of each answer."""

    def __init__(self, data):
        self.data, self.headers, self.status, self.asked = data, {}, 200, 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/a.parquet"

    def answer(self, request):
        self.asked += 1
        data, status, headers = self.data, self.status, {"Accept-Ranges": "bytes", **self.headers}
        if (asked := request.headers.get("Range")) and status == 200:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            data, status = data[first : last + 1], 206
            headers["Content-Range"] = f"bytes {first}-{last}/{len(self.data)}"
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)


@pytest.fixture
def web():
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["one", "two"]}), sink)
    web = Web(sink.getvalue().to_pybytes())
    yield web
    web.server.shutdown()
    web.server.server_close()


def test_a_file_is_read_and_its_version_is_what_the_server_calls_it(web):
    for headers, version in (
        ({"ETag": '"v1"', "Last-Modified": "Sun, 29 Nov 2026 06:00:00 GMT"}, "v1"),
        ({"Last-Modified": "Sun, 29 Nov 2026 06:00:00 GMT"}, "Sun, 29 Nov 2026 06:00:00 GMT"),
    ):
        web.headers = headers
        (file,) = list_files(InputConfig(path=web.url)).files
        assert (file.size, file.version) == (len(web.data), version)
        assert file_version(web.url, StorageConfig()) == (file.size, file.version)
    with open_parquet(web.url, StorageConfig()) as file:
        assert file.read().column("text").to_pylist() == ["one", "two"]


def test_a_server_without_versions_is_said_once(web, caplog, monkeypatch):
    monkeypatch.setattr(filesystem, "_said_unversioned", set())
    for _ in range(2):
        (file,) = list_files(InputConfig(path=web.url)).files
        assert file.version == ""
    assert caplog.messages == [
        "http:// gives no versions of files: a file that changes but keeps its size goes unnoticed"
    ]


def test_denied_access_is_a_sentence_and_one_that_ends_at_once(web):
    web.status = 403
    said = rf"access denied \(403\): listing {web.url}, from .*: grant them access, or give others"
    with pytest.raises(InputError, match=said):
        list_files(InputConfig(path=web.url))
    assert web.asked <= 2
