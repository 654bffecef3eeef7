"""A loopback server that answers from memory, so that only the client is measured.

The first time a request is seen it is answered by our own application; from then on the same
bytes are replayed. `/__control` changes what the server does: `serve=VARIANT` the project,
`latency_ms=N` the time added to every answer, `in_flight=N` and `per_second=N` what it bears
before it refuses, `retry_after=1` whether a refusal says when to come back. It answers with the
counters since the last time; `/__digest` with the digest of the project.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import EnvironBuilder, run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication as WSGIApp

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
    refused: int = 0
    received: int = 0
    sent: int = 0


@dataclass
class Limits:
    """What the server bears; 0 for anything.

    Attributes:
        in_flight: Requests at once.
        per_second: Requests within a second.
        retry_after: Whether a refusal says when to come back.
    """

    in_flight: int = 0
    per_second: int = 0
    retry_after: int = 0


class Backend(Protocol):
    """What stands behind the replayed answers."""

    def enter(self, name: str) -> WSGIApp:
        """Bring the project into a state; returns what answers for it."""

    def digest(self) -> str:
        """Digest the project as it is now."""


@dataclass
class ReplayServer:
    """Replays the answers of a WSGI application over HTTP/1.1.

    Args:
        backend: Gives the application for requests that were not seen before.
        token: API key sent to the application with each new request.
    """

    backend: Backend
    token: str
    url: str = ""
    _variant: str = ""
    _app: WSGIApp | None = None
    _latency: float = 0.0
    _limits: Limits = field(default_factory=Limits)
    _counters: Counters = field(default_factory=Counters)
    _in_flight: int = 0
    _served: deque[float] = field(default_factory=deque)
    _answers: dict[tuple[str, Request], bytes] = field(default_factory=dict)
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
            return await asyncio.get_running_loop().run_in_executor(None, self._control, request)
        self._counters.requests += 1
        self._counters.received += len(request.body)
        refused = self._is_too_much()
        self._in_flight += not refused
        try:
            answer = self._refusal() if refused else await self._replay(request)
            if self._latency:
                await asyncio.sleep(self._latency)
        finally:
            self._in_flight -= not refused
        self._counters.refused += refused
        self._counters.sent += len(answer)
        return answer

    async def _replay(self, request: Request) -> bytes:
        seen = self._variant, request
        if seen not in self._answers:
            self._answers[seen] = await asyncio.get_running_loop().run_in_executor(
                None, self._ask, request
            )
        return self._answers[seen]

    def _is_too_much(self) -> bool:
        now = time.monotonic()
        while self._served and self._served[0] <= now - 1:
            self._served.popleft()
        most, at_once = self._limits.per_second, self._limits.in_flight
        if (most and len(self._served) >= most) or (at_once and self._in_flight >= at_once):
            return True
        if most:
            self._served.append(now)
        return False

    def _refusal(self) -> bytes:
        headers = {"retry-after": "1"} if self._limits.retry_after else {}
        return _head(429, headers, 0)

    def _control(self, request: Request) -> bytes:
        parts = urlsplit(request.target)
        if parts.path == "/__digest":
            with self._lock:
                body = json.dumps(self.backend.digest()).encode()
            return _head(200, {"content-type": "application/json"}, len(body)) + body
        wanted = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "serve" in wanted and wanted["serve"] != self._variant:
            with self._lock:
                self._app = self.backend.enter(wanted["serve"])
                self._variant = wanted["serve"]
        if "latency_ms" in wanted:
            self._latency = float(wanted["latency_ms"]) / 1000
        limits = {name: int(wanted[name]) for name in asdict(self._limits) if name in wanted}
        self._limits = replace(self._limits, **limits)
        counters, self._counters = self._counters, Counters()
        body = json.dumps(asdict(counters)).encode()
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
        assert self._app is not None
        with self._lock:
            chunks, status, raw = run_wsgi_app(self._app, builder.get_environ(), buffered=True)
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
