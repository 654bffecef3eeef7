"""A loopback server that answers from memory, so that only the client is measured.

The first time a request is seen it is answered by our own application; from then on the same
bytes are replayed. An artificial latency is added to every answer. The server counts requests and
bytes, which a benchmark reads at `/__stats`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import EnvironBuilder, run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_KEPT_HEADERS = ("content-type", "content-range", "etag", "accept-ranges", "last-modified")
_SMALLEST_GZIP = 1_000


@dataclass(frozen=True)
class Request:
    """What decides an answer."""

    method: str
    target: str
    byte_range: str
    body: bytes
    gzip: bool


@dataclass
class Counters:
    """What the benchmark reads."""

    requests: int = 0
    received: int = 0
    sent: int = 0


@dataclass
class ReplayServer:
    """Replays the answers of a WSGI application over HTTP/1.1.

    Args:
        app: Answers requests that were not seen before.
        token: API key sent to the application with each new request.
    """

    app: WSGIApplication
    token: str
    latency: float = 0.0
    counters: Counters = field(default_factory=Counters)
    url: str = ""
    _answers: dict[Request, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, announce: threading.Event) -> None:
        """Serve until the process ends; sets `announce` once `url` is known."""
        asyncio.run(self._serve(announce))

    async def _serve(self, announce: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=256)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        announce.set()
        await server.serve_forever()

    async def answer(self, request: Request) -> bytes:
        """The whole HTTP answer to one request."""
        if request.target.startswith("/__"):
            return self._control(request)
        self.counters.requests += 1
        self.counters.received += len(request.body)
        answer = self._answers.get(request)
        if answer is None:
            answer = await asyncio.get_running_loop().run_in_executor(None, self._ask, request)
            self._answers[request] = answer
        self.counters.sent += len(answer)
        if self.latency:
            await asyncio.sleep(self.latency)
        return answer

    def _control(self, request: Request) -> bytes:
        query = parse_qs(urlsplit(request.target).query)
        if "latency_ms" in query:
            self.latency = float(query["latency_ms"][0]) / 1000
        counters, self.counters = self.counters, Counters()
        body = json.dumps(counters.__dict__).encode()
        return _head(200, {"content-type": "application/json"}, len(body)) + body

    def _ask(self, request: Request) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"}
        if request.byte_range:
            headers["Range"] = request.byte_range
        builder = EnvironBuilder(
            method=request.method,
            path=request.target,
            base_url=self.url,
            data=request.body,
            content_type="application/json" if request.body else None,
            headers=headers,
        )
        with self._lock:
            chunks, status, raw = run_wsgi_app(self.app, builder.get_environ(), buffered=True)
            body = b"".join(chunks)
        kept = {k.lower(): v for k, v in raw.items() if k.lower() in _KEPT_HEADERS}
        is_json = kept.get("content-type", "").startswith("application/json")
        if request.gzip and is_json and len(body) > _SMALLEST_GZIP:
            body = gzip.compress(body, 6)
            kept["content-encoding"] = "gzip"
        return _head(int(status.split()[0]), kept, len(body)) + body


def _head(status: int, headers: dict[str, str], length: int) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode("latin-1")


class _Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in order."""

    def __init__(self, server: ReplayServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._queue: asyncio.Queue[Request] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._worker = asyncio.get_running_loop().create_task(self._answer_in_order())

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._take_request()) is not None:
            self._queue.put_nowait(request)

    def _take_request(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *rest = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in rest)}
        stop = end + 4 + int(headers.get("content-length", 0))
        if len(self._buffer) < stop:
            return None
        body = bytes(self._buffer[end + 4 : stop])
        del self._buffer[:stop]
        method, target, _ = first.split(" ", 2)
        accepts_gzip = "gzip" in headers.get("accept-encoding", "")
        return Request(method, target, headers.get("range", ""), body, accepts_gzip)

    async def _answer_in_order(self) -> None:
        while True:
            request = await self._queue.get()
            self._transport.write(await self._server.answer(request))
