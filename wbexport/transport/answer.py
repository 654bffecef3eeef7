"""What came back: an answer whose body is still to be read, and the count of all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx

from wbexport.transport.body import BodyError, Decoder
from wbexport.transport.failures import server_message
from wbexport.transport.retry import Failure, pause_seconds, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Answer", "Stats"]

_MAX_REFUSAL = 1 << 20


class Stats:
    """What a session has done so far; safe to read at any time.

    Attributes:
        requests: Requests sent, redirects and repetitions included.
        retries: Repetitions among them.
        bytes_received: Bytes of bodies as they came over the wire.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.retries = 0
        self.bytes_received = 0
        self._lock = threading.Lock()

    def add(self, *, requests: int = 0, retries: int = 0, bytes_received: int = 0) -> None:
        """Count."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.bytes_received += bytes_received

    def __repr__(self) -> str:
        return (
            f"Stats(requests={self.requests}, retries={self.retries}, "
            f"bytes_received={self.bytes_received})"
        )


class Answer:
    """An answer whose body has not been read yet.

    Args:
        response: What httpx received.
        stats: Counts the body's bytes.
        now: Local time in seconds since 1970.
    """

    def __init__(self, response: httpx.Response, stats: Stats, now: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.retry_after = retry_after_seconds(self.headers, now)
        self.pause = pause_seconds(self.headers, now)
        self._response = response
        self._stats = stats

    def pieces(self, *, limit: int | None = None) -> Iterator[bytes]:
        """Yield the decoded body; ends normally only when all of it was there."""
        decoder = Decoder(self.headers.get("Content-Encoding", ""), limit=limit)
        for chunk in self._response.iter_raw():
            self._stats.add(bytes_received=len(chunk))
            yield from decoder.feed(chunk)
        decoder.finish()

    def read(self, limit: int) -> bytes:
        """Return the decoded body."""
        return b"".join(self.pieces(limit=limit))

    def read_refusal(self) -> bytes:
        """Return the body of an answer that is no success, or nothing when it cannot be read."""
        try:
            return self.read(_MAX_REFUSAL)
        except (BodyError, httpx.HTTPError):
            return b""

    def status_failure(self, body: bytes) -> Failure:
        """Describe an answer whose status is not the wished one."""
        said = server_message(body)
        detail = f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"
        return Failure("status", detail, self.status, self.retry_after)
