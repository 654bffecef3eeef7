"""Makes one attempt: a place among the running requests, a client, redirects followed by hand."""

from __future__ import annotations

import importlib.metadata
import logging
import random
import threading
import weakref
from collections import deque
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import httpx

from wbexport.transport.auth import OriginAuth, origin_of
from wbexport.transport.body import BodyError, Decoder, too_large
from wbexport.transport.failures import RedactSecrets, server_message, shown_url
from wbexport.transport.governor import Governor
from wbexport.transport.network import open_transport, pacing, proxy_for
from wbexport.transport.retry import (
    AttemptError,
    Failure,
    pause_seconds,
    retry_after_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wbexport.settings import Origin, Settings
    from wbexport.transport.governor import Ticket
    from wbexport.transport.session import Clock

__all__ = ["Answer", "Stats", "Wire", "user_agent"]

_MAX_REDIRECTS = 5
_FIRST_CONNECT_TIMEOUT = 4.0
_CONNECT_TIMEOUT = 10.0
_POOL_TIMEOUT = 60.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_THROTTLED = frozenset({429, 503})
_MAX_REFUSAL = 1 << 20

_logger = logging.getLogger("wbexport.transport")
#: A filter sees what its own logger is given, so each of the library's loggers has one.
_LIBRARY_LOGGERS = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
for _name in ("wbexport.transport", *_LIBRARY_LOGGERS):
    logging.getLogger(_name).addFilter(RedactSecrets())


@cache
def user_agent() -> str:
    """Return how this client names itself to servers."""
    return f"wbexport/{importlib.metadata.version('wbexport')}"


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
        return self._decoded(self._chunks(), limit)

    def read(self, limit: int) -> Callable[[], bytearray]:
        """Receive the body; what is returned decodes it, once."""
        chunks: deque[bytes] = deque()
        size = 0
        for chunk in self._chunks():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise too_large(limit)

        def decode() -> bytearray:
            body = bytearray()
            # Each chunk is let go of once it is decoded.
            received = (chunks.popleft() for _ in range(len(chunks)))
            for piece in self._decoded(received, limit):
                body += piece
            return body

        return decode

    def _chunks(self) -> Iterator[bytes]:
        """Yield the body as it was sent."""
        for chunk in self._response.iter_raw():
            self._stats.add(bytes_received=len(chunk))
            yield chunk

    def _decoded(self, chunks: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
        decoder = Decoder(self.headers.get("Content-Encoding", ""), limit=limit)
        for chunk in chunks:
            yield from decoder.feed(chunk)
        decoder.finish()

    def read_refusal(self) -> bytes:
        """Return the body of an answer that is no success, or nothing when it cannot be read."""
        try:
            return bytes(self.read(_MAX_REFUSAL)())
        except (BodyError, httpx.HTTPError):
            return b""

    def status_failure(self, body: bytes) -> Failure:
        """Describe an answer whose status is not the wished one."""
        said = server_message(body)
        detail = f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"
        return Failure("status", detail, self.status, self.retry_after)


class Wire:
    """Sends single requests; knows nothing of repeating them.

    Args:
        settings: Host, key and limits.
        stats: Counts what is sent and received.
        transport: Takes the place of the network.
        clock: The time.
    """

    def __init__(
        self,
        settings: Settings,
        stats: Stats,
        *,
        transport: httpx.BaseTransport | None,
        clock: Clock,
    ) -> None:
        self.answered = False
        self._settings = settings
        self._stats = stats
        self._transport = transport
        self._clock = clock
        self._auth = OriginAuth(settings.credential)
        self._governor = Governor()
        self._ways: dict[tuple[str, str | None], httpx.BaseTransport] = {}
        self._proxies: dict[Origin, str | None] = {}
        self._lock = threading.Lock()
        # Few scripts close an `Api`; its connections go with it all the same.
        weakref.finalize(self, _close, self._ways)
        for name in ("httpx", "httpcore"):
            # They log URLs with signatures; whoever sets a level there has chosen so.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.WARNING)

    def proxy_to(self, url: httpx.URL) -> str | None:
        """Say which proxy leads to a URL's host; the environment is asked once for each."""
        origin = origin_of(url)
        if origin not in self._proxies:
            self._proxies[origin] = None if self._transport else proxy_for(origin)
        return self._proxies[origin]

    @contextmanager
    def open(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None = None,
    ) -> Iterator[Answer]:
        """Make one attempt: send a request, follow redirects, give the answer to read."""
        ticket = self._governor.enter()
        answer: Answer | None = None
        try:
            while wait := self._seconds_to_begin(ticket):
                self._clock.sleep(wait)
            with pacing(self._settings.timeout) as pace:
                response = self._follow(method, url, headers, content)
                pace.in_headers = False
                try:
                    answer = Answer(response, self._stats, self._clock.time())
                    self._hold(answer)
                    yield answer
                finally:
                    response.close()
        finally:
            status = answer.status if answer else 0
            good, throttled = 200 <= status < 400, status in _THROTTLED
            now = self._clock.monotonic()
            self._governor.leave(ticket, now, good=good, throttled=throttled)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            _close(self._ways)

    def _seconds_to_begin(self, ticket: Ticket) -> float:
        return self._governor.seconds_to_begin(ticket, self._clock.monotonic(), random.random())

    def _follow(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None,
    ) -> httpx.Response:
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_target(url)
            response = self._send(method, url, headers, content)
            if response.status_code not in _REDIRECTS:
                return response
            location = response.headers.get("Location", "")
            response.close()
            target = url.join(location)
            if method != "GET":
                raise _refusal(f"redirects to {shown_url(target)}; is that the base URL?")
            if url.scheme == "https" and target.scheme == "http":
                raise _refusal(f"redirects to plain http at {target.host}, which is not followed")
            url = target
        raise _refusal(f"redirects more than {_MAX_REDIRECTS} times")

    def _send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None,
    ) -> httpx.Response:
        way = self._way(url)
        connect = _CONNECT_TIMEOUT if self.answered else _FIRST_CONNECT_TIMEOUT
        timeout = httpx.Timeout(self._settings.timeout, connect=connect, pool=_POOL_TIMEOUT)
        # An `httpx.Client` would cost as much again as the request: what it adds (redirects,
        # cookies, defaults from the environment) is done by hand here, or must not be.
        request = httpx.Request(
            method,
            url,
            headers={"User-Agent": user_agent(), "Accept": "*/*", **headers},
            content=content,
            extensions={"timeout": timeout.as_dict()},
        )
        request = next(self._auth.auth_flow(request))
        began = self._clock.monotonic()
        self._stats.add(requests=1)
        response = way.handle_request(request)
        self.answered = True
        if _logger.isEnabledFor(logging.DEBUG):
            took = self._clock.monotonic() - began
            _logger.debug("%s %s: %s, %.3f s", method, shown_url(url), response.status_code, took)
        return response

    def _check_target(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise _refusal("leads to something that is not a web address")
        if url.userinfo:
            raise _refusal("leads to an address with a user name, which is not followed")
        plain_is_fine = self._transport is not None or self._settings.allow_http
        if url.scheme == "http" and not (plain_is_fine or origin_of(url).is_loopback):
            raise _refusal(f"leads to plain http at {url.host}, which is not followed")

    def _way(self, url: httpx.URL) -> httpx.BaseTransport:
        way = url.scheme, self.proxy_to(url)
        with self._lock:
            if way not in self._ways:
                self._ways[way] = self._transport or open_transport(self._settings, *way)
            return self._ways[way]

    def _hold(self, answer: Answer) -> None:
        """Let all requests wait when the server says that its allowance is used up."""
        asked = answer.retry_after if answer.status in _THROTTLED else None
        pause = max(asked or 0.0, answer.pause)
        if pause:
            self._governor.hold(self._clock.monotonic(), pause)


def _refusal(detail: str) -> AttemptError:
    return AttemptError(Failure("final", f"the server {detail}"))


def _close(ways: dict[tuple[str, str | None], httpx.BaseTransport]) -> None:
    while ways:
        ways.popitem()[1].close()
