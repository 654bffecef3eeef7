"""A loopback HTTP server that answers by script, badly if told to, and remembers requests."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int


@dataclass(frozen=True)
class Reply:
    """An answer and what goes wrong with it.

    `cut` sends only so many bytes of the body, `reset` ends the connection with RST (`before`
    anything or after the body), `drip` sleeps between single bytes, `delay` before the first one,
    `framing` says how the end of the body is told.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: str = ""
    drip: float = 0.0
    delay: float = 0.0
    framing: str = "length"
    raw: bytes | None = None
    flood: bytes = b""


def json_reply(text: str | bytes, **changes: Any) -> Reply:
    body = text.encode() if isinstance(text, str) else text
    return Reply(body=body, **({"headers": {"Content-Type": "application/json"}} | changes))


def file_reply(request: Request, content: bytes, etag: str = '"1"', **changes: Any) -> Reply:
    """Serve a file as storage does: Range with If-Range, ETag."""
    headers = {"ETag": etag}
    wanted = request.headers.get("range")
    if wanted is None or request.headers.get("if-range", etag) != etag:
        return Reply(body=content, headers=headers, **changes)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(len(content), int(last) + 1 if last else len(content))
    if start >= len(content):
        return Reply(416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
    return Reply(206, content[start:stop], headers, **changes)


class FaultServer:
    """Serves `script(request) -> Reply` on a free loopback port."""

    def __init__(
        self,
        script: Callable[[Request], Reply],
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._server = _Server((host, 0), _handler_of(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def record(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
        with self._lock:
            request = Request(method, path, headers, body, len(self.requests))
            self.requests.append(request)
            return request

    def __enter__(self) -> FaultServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # A client that goes away in the middle is what these tests are about.


def _handler_of(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = server.record(self.command, self.path, headers, body)
            _answer(self, server.script(request))

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _answer(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    sock = handler.connection
    time.sleep(reply.delay)
    if reply.reset == "before":
        return _reset(handler)
    while reply.flood:
        sock.sendall(reply.flood)
    head, body = _head(reply), reply.body[: reply.cut]
    if reply.raw is not None:
        head, body = reply.raw, b""
    for piece in _pieces(reply, head, body):
        sock.sendall(piece)
        time.sleep(reply.drip)
    if reply.reset == "after":
        return _reset(handler)
    if reply.framing == "close" or reply.cut is not None or reply.raw is not None:
        handler.close_connection = True
    return None


def _head(reply: Reply) -> bytes:
    headers = {"Date": formatdate(usegmt=True)} | reply.headers
    if reply.framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    elif reply.framing == "close":
        headers["Connection"] = "close"
    else:
        headers.setdefault("Content-Length", str(len(reply.body)))
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _pieces(reply: Reply, head: bytes, body: bytes) -> Iterator[bytes]:
    if reply.drip:
        data = head + body
        yield from (data[i : i + 1] for i in range(len(data)))
    elif reply.framing == "chunked":
        yield head
        half = len(body) // 2
        for part in filter(None, (body[:half], body[half:])):
            yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
        if reply.cut is None:
            yield b"0\r\n\r\n"
    else:
        yield head + body


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.wfile = handler.rfile = _Closed()  # type: ignore[assignment]
    handler.connection.close()


class _Closed:
    closed = True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class FakeClock:
    """Time that passes only by sleeping, and remembers how long."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.slept: list[float] = []
        self._now = now
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now

    def sleep(self, seconds: float, /) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._now += seconds


def content_of(size: int) -> bytes:
    """Bytes that no cut or shift of them equals."""
    blocks = range(size // 32 + 1)
    return b"".join(hashlib.sha256(str(block).encode()).digest() for block in blocks)[:size]
