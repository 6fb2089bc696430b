"""An HTTP proxy before a real S3 server, that does to some requests what networks and stores do."""

import asyncio
import contextlib
import re
import socket
import threading
from collections import Counter

import aiohttp
from aiohttp import web

SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
INTERNAL = "<Error><Code>InternalError</Code><Message>We had a problem.</Message></Error>"
DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
UNKNOWN = "<Error><Code>NotImplemented</Code><Message>A header is unknown.</Message></Error>"
FULL = "<Error><Code>QuotaExceeded</Code><Message>The bucket is full.</Message></Error>"
EXPIRED = "<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>"
KEY = re.compile(r"Credential=([^/]+)/")
# What a request can meet. The server does a `lost` one, and its answer never arrives. Of a `half`
# one half of the body arrives.
KINDS = ("500", "503", "timeout", "reset", "truncate", "lost", "half")
# Folders whose listings may lag: each of their files is written once.
LISTED = ("/rewards", "/staged")


class FaultyProxy:
    """Serves at `url` from a thread of its own; `fail` arms it.

    `refuse_all`: every request is refused, with the answer `denial`. `away`: none is answered.
    `create_only`: "ignored" (such writes are plain ones) or "unknown" (they are refused).
    `lagging`: a listing of parts is answered as it was before. `slow`: seconds before each request.
    `hold_uploads`: the bodies of parts are not read. `keys`: access keys of all requests so far.
    `uploads`: of parts, that have begun. `asked`: method and path of each request.
    """

    def __init__(self, target: str, stall: float) -> None:
        self._target = target
        self._stall = stall
        self._kind = ""
        self._left = 0
        self.refuse_writes = ""
        self.refuse_all = False
        self.denial = EXPIRED
        self.away = False
        self.create_only = ""
        self.lagging = False
        self._listings: dict[str, bytes] = {}
        self.slow = 0.0
        self.hold_uploads = False
        self.uploads = 0
        self.keys: set[str] = set()
        self.asked: list[str] = []
        self.injected: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)

    def fail(self, kind: str, requests: int) -> None:
        """The next so many requests that it can happen to meet a fault of this kind."""
        self._kind, self._left = kind, requests

    def be_well(self, *, lagging: bool = False) -> None:
        """Hurt no request any more, but by listings that lag if it is said."""
        self.refuse_writes, self.refuse_all, self.lagging = "", False, lagging
        self.fail("", 0)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self) -> str:
        self._client = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        self.keys |= set(KEY.findall(request.headers.get("Authorization", "")))
        if self.away:
            self.injected["away"] += 1
            while self.away:
                await asyncio.sleep(0.05)
            return self._hang_up(request)
        uploads = request.method == "PUT" and "/part-" in request.path
        self.uploads += uploads
        await asyncio.sleep(self.slow)
        while uploads and self.hold_uploads:
            await asyncio.sleep(0.05)
        if self.refuse_writes and request.method == "PUT" and "/part-" in request.path:
            self.injected[self.refuse_writes] += 1
            if self.refuse_writes == "full":
                return web.Response(status=507, text=FULL, content_type="application/xml")
            return web.Response(status=403, text=DENIED, content_type="application/xml")
        if self.refuse_all:
            self.injected["expired"] += 1
            return web.Response(status=403, text=self.denial, content_type="application/xml")
        if self.create_only == "unknown" and "If-None-Match" in request.headers:
            return web.Response(status=501, text=UNKNOWN, content_type="application/xml")
        left_out = {"If-None-Match"} if self.create_only == "ignored" else set()
        kind = self._take(request)
        if kind in ("500", "503"):
            text = INTERNAL if kind == "500" else SLOW_DOWN
            return web.Response(status=int(kind), text=text, content_type="application/xml")
        if kind == "timeout":
            await asyncio.sleep(self._stall)
        if kind == "half":
            await request.content.read((request.content_length or 0) // 2)
        if kind in ("timeout", "reset", "half"):
            return self._hang_up(request)
        async with self._client.request(
            request.method,
            f"{self._target}{request.raw_path}",
            headers=[pair for pair in request.headers.items() if pair[0] not in left_out],
            data=await request.read(),
            skip_auto_headers=("Accept-Encoding", "User-Agent", "Content-Type"),
        ) as answer:
            body = self._listed(request, await answer.read())
        if kind == "lost":
            return self._hang_up(request)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in ("transfer-encoding", "connection", "content-length")
        }
        length = str(len(body))
        if request.method == "HEAD":
            length = answer.headers.get("Content-Length", length)
        response = web.StreamResponse(
            status=answer.status, headers={**headers, "Content-Length": length}
        )
        await response.prepare(request)
        if kind == "truncate":
            await response.write(body[: len(body) // 2])
            return self._hang_up(request)
        if request.method != "HEAD":
            await response.write(body)
        await response.write_eof()
        return response

    def _listed(self, request: web.Request, body: bytes) -> bytes:
        """Return the answer to a listing; while listings of parts lag, the answer before that."""
        prefix = request.query.get("prefix", "").rstrip("/")
        if "list-type" not in request.query or not prefix.endswith(LISTED):
            return body
        if not self.lagging or request.path_qs not in self._listings:
            self._listings[request.path_qs] = body
        self.injected["old listing"] += self._listings[request.path_qs] != body
        return self._listings[request.path_qs]

    def _take(self, request: web.Request) -> str:
        if not self._left:
            return ""
        put = request.method == "PUT"
        fits = {"truncate": request.method == "GET", "lost": put, "half": put}
        if not fits.get(self._kind, True):
            return ""
        self._left -= 1
        self.injected[self._kind] += 1
        return self._kind

    @staticmethod
    def _hang_up(request: web.Request) -> web.Response:
        if request.transport:
            request.transport.abort()
        return web.Response()


class BlackHole:
    """Accepts connections at `url`, counts them, and neither reads nor answers."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._server.accept()
                self.connections += 1
                self._open.append(one)
