"""Owns the HTTP clients: sends requests, follows redirects, repeats what failed, and sleeps."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import random
import threading
import time
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

import httpx

from wbexport.errors import InputError
from wbexport.transport.auth import OriginAuth, origin_of
from wbexport.transport.body import MAX_JSON, BodyError, Decoder, parse_object
from wbexport.transport.download import Downloaded, Expect, Transfer
from wbexport.transport.failures import (
    RedactSecrets,
    error_for,
    failure_of,
    server_message,
    shown_url,
)
from wbexport.transport.governor import Governor
from wbexport.transport.network import AddressError, open_transport, pacing, proxy_for, shown_proxy
from wbexport.transport.retry import (
    FIRST_CONTACT,
    AttemptError,
    Failure,
    Policy,
    RetryBudget,
    pause_seconds,
    retry_after_seconds,
    seconds_to_wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wbexport.settings import Settings

__all__ = ["Answer", "Clock", "Session", "Stats", "Transport", "user_agent", "wsgi_transport"]

Transport = httpx.BaseTransport
"""The one narrow method through which bytes leave."""

MAX_REDIRECTS = 5
MAX_IN_MEMORY = 2 << 30
MAX_ERROR_BODY = 1 << 20
PROGRESS = 1 << 20
FIRST_CONNECT_TIMEOUT = 4.0
CONNECT_TIMEOUT = 10.0
POOL_TIMEOUT = 60.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
THROTTLED = frozenset({429, 503})

T = TypeVar("T")

logger = logging.getLogger("wbexport.transport")
logger.addFilter(RedactSecrets())


class Clock(Protocol):
    """The time, and the only way to let it pass."""

    def monotonic(self) -> float:
        """Seconds from some moment on, never going back."""

    def time(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


def user_agent() -> str:
    """Return how this client names itself to servers."""
    return f"wbexport/{importlib.metadata.version('wbexport')}"


def wsgi_transport(app: Callable[..., Iterable[bytes]]) -> Transport:
    """Connect a session to a WSGI application in this process.

    Args:
        app: The application.

    Returns:
        A transport for `Session`.
    """
    return httpx.WSGITransport(app=app)


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
            return self.read(MAX_ERROR_BODY)
        except (BodyError, httpx.HTTPError):
            return b""

    def status_failure(self, body: bytes) -> Failure:
        """Describe an answer whose status is not the wished one."""
        said = server_message(body)
        detail = f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"
        return Failure("status", detail, self.status, self.retry_after)


class Session:
    """Sends requests to W&B and to the storage it points to.

    Safe to share between threads. A copy or pickle of it has no key.

    Args:
        settings: Host, key and limits.
        transport: Takes the place of the network, for a server in this process.
        clock: Takes the place of the `time` module.

    Example:
        >>> with Session(Settings.load()) as session:
        ...     session.post_json("/graphql", {"query": "query Viewer { viewer { id } }"})
    """

    def __init__(
        self, settings: Settings, *, transport: Transport | None = None, clock: Clock = time
    ) -> None:
        self.settings = settings
        self.stats = Stats()
        self._transport = transport
        self._clock = clock
        self._auth = OriginAuth(settings.credential)
        self._governor = Governor()
        self._budget = RetryBudget()
        self._answered = False
        self._clients: dict[str | None, httpx.Client] = {}
        self._lock = threading.Lock()
        for name in ("httpx", "httpcore"):
            # They log URLs with signatures; whoever sets a level there has chosen so.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.WARNING)

    def post_json(self, path: str, body: Mapping[str, Any], *, idempotent: bool = True) -> Any:
        """Post a JSON body and return the JSON object that is answered.

        Args:
            path: Path below the base URL, with its leading slash.
            body: What to send.
            idempotent: Whether it may be sent twice. If not, it is repeated only when certainly
                nothing was sent.

        Returns:
            The object; also that of a refusal (HTTP 400 and the like) in GraphQL's own shape.

        Raises:
            SettingsError: There is no key for the base URL.
            RequestError: There was no usable answer.
        """
        self.settings.require_credential()
        url = httpx.URL(self.settings.base_url + path)
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}

        def attempt() -> dict[str, Any]:
            with self.open("POST", url, headers=headers, content=content) as answer:
                return _json_of(answer)

        return self._repeat(attempt, "POST", url, idempotent=idempotent)

    def get_bytes(
        self,
        url: str,
        *,
        byte_range: tuple[int, int] | None = None,
        expect: Expect | None = None,
        refresh: Callable[[], str] | None = None,
    ) -> bytes:
        """Fetch a file, or a part of it, into memory.

        Args:
            url: Where it is. The key is sent only to the base URL's own origin, and only when the
                URL is not signed.
            byte_range: First byte and the byte after the last one.
            expect: Size and MD5 of the whole file, checked unless a part is asked for.
            refresh: Gives a new URL when the signed one has expired.

        Returns:
            The bytes; fewer than asked for only when the file ends before.

        Raises:
            NotFoundError: There is no such file.
            IntegrityError: It is not what was expected.
            RequestError: There was no usable answer.
        """
        if byte_range is not None and not 0 <= byte_range[0] < byte_range[1]:
            raise InputError(f"The byte range {byte_range} is empty or negative.")
        sink = BytesIO()
        self._transfer(
            Transfer(
                self,
                _parsed(url),
                sink,
                expect=expect or Expect(),
                window=byte_range,
                refresh=refresh,
                limit=MAX_IN_MEMORY,
            )
        )
        return sink.getvalue()

    def download(
        self,
        url: str,
        sink: BinaryIO,
        *,
        size: int | None = None,
        md5: str | None = None,
        refresh: Callable[[], str] | None = None,
    ) -> Downloaded:
        """Stream a file into a sink, resuming after interruptions.

        Args:
            url: Where it is; see `get_bytes` for the key.
            sink: Takes the bytes; must be able to seek and truncate.
            size: Its length, when known.
            md5: Its MD5 in hexadecimal or base64, when known.
            refresh: Gives a new URL when the signed one has expired.

        Returns:
            Size and checksums.

        Raises:
            NotFoundError: There is no such file.
            IntegrityError: It is not what was expected.
            RequestError: There was no usable answer.
        """
        expect = Expect(size, md5)
        return self._transfer(Transfer(self, _parsed(url), sink, expect=expect, refresh=refresh))

    @contextmanager
    def open(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> Iterator[Answer]:
        """Make one attempt: send a request, follow redirects, give the answer to read.

        Args:
            method: HTTP method.
            url: Where to.
            headers: Headers beside the key and the client's name.
            content: Body to send.

        Yields:
            The answer.

        Raises:
            AttemptError: The URL, or one it was redirected to, is not to be followed.
        """
        held = self._governor.seconds_held(self._clock.monotonic())
        if held:
            self._clock.sleep(held + random.random() * min(1.0, held / 20))
        ticket = self._governor.enter()
        answer: Answer | None = None
        try:
            with pacing(self.settings.timeout) as pace:
                response = self._follow(method, url, headers, content)
                pace.in_headers = False
                try:
                    answer = Answer(response, self.stats, self._clock.time())
                    self._hold(answer)
                    yield answer
                finally:
                    response.close()
        finally:
            status = answer.status if answer else 0
            good, throttled = 200 <= status < 400, status in THROTTLED
            self._governor.leave(ticket, good=good, throttled=throttled)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, tuple[Settings]]:
        return Session, (self.settings,)

    def _follow(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        for _ in range(MAX_REDIRECTS + 1):
            self._check_target(url)
            response = self._send(method, url, headers, content)
            if response.status_code not in REDIRECTS:
                return response
            location = response.headers.get("Location", "")
            response.close()
            target = url.join(location)
            if method != "GET":
                raise _refusal(f"redirects to {shown_url(target)}; is that the base URL?")
            if url.scheme == "https" and target.scheme == "http":
                raise _refusal(f"redirects to plain http at {target.host}, which is not followed")
            url = target
        raise _refusal(f"redirects more than {MAX_REDIRECTS} times")

    def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        client = self._client(url)
        connect = CONNECT_TIMEOUT if self._answered else FIRST_CONNECT_TIMEOUT
        timeout = httpx.Timeout(self.settings.timeout, connect=connect, pool=POOL_TIMEOUT)
        request = client.build_request(
            method, url, headers=dict(headers), content=content, timeout=timeout
        )
        began = self._clock.monotonic()
        self.stats.add(requests=1)
        response = client.send(request, auth=self._auth, stream=True, follow_redirects=False)
        self._answered = True
        seconds = self._clock.monotonic() - began
        logger.debug("%s %s: %s, %.3f s", method, shown_url(url), response.status_code, seconds)
        return response

    def _check_target(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise _refusal("leads to something that is not a web address")
        if url.userinfo:
            raise _refusal("leads to an address with a user name, which is not followed")
        plain_is_fine = self._transport is not None or self.settings.allow_http
        if url.scheme == "http" and not (plain_is_fine or origin_of(url).is_loopback):
            raise _refusal(f"leads to plain http at {url.host}, which is not followed")

    def _client(self, url: httpx.URL) -> httpx.Client:
        proxy = proxy_for(origin_of(url)) if self._transport is None else None
        with self._lock:
            if proxy not in self._clients:
                transport = self._transport or open_transport(self.settings, proxy)
                self._clients[proxy] = httpx.Client(
                    transport=transport,
                    trust_env=False,
                    headers={"User-Agent": user_agent(), "Accept": "*/*"},
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
            return self._clients[proxy]

    def _hold(self, answer: Answer) -> None:
        """Let all requests wait when the server says that its allowance is used up."""
        asked = answer.retry_after if answer.status in THROTTLED else None
        pause = max(asked or 0.0, answer.pause)
        if pause:
            self._governor.hold_until(self._clock.monotonic() + pause)

    def _transfer(self, transfer: Transfer) -> Downloaded:
        return self._repeat(
            transfer.attempt, "GET", transfer.url, position=lambda: transfer.position
        )

    def _repeat(
        self,
        attempt: Callable[[], T],
        method: str,
        url: httpx.URL,
        *,
        idempotent: bool = True,
        position: Callable[[], int] = int,
    ) -> T:
        """Make attempts until one succeeds or no other makes sense.

        An attempt that moved `position` on by a megabyte or more counts as the first one again.
        """
        began = self._clock.monotonic()
        tries = spent = reached = 0
        while True:
            tries += 1
            result = _outcome(attempt)
            if not isinstance(result, Failure):
                self._budget.refund(spent)
                return result
            if position() - reached >= PROGRESS:
                began, tries, reached = self._clock.monotonic(), 1, position()
            elapsed = self._clock.monotonic() - began
            wait = self._wait(tries, result, elapsed, idempotent)
            charged = wait is not None and result.retry_after is None
            if wait is None or (charged and not self._budget.spend()):
                trouble = f" (attempt {tries}, {elapsed:.0f} s{self._route(url)})"
                raise error_for(result, method, url, trouble)
            spent += charged
            self.stats.add(retries=1)
            logger.info("%s %s: %s; again in %.1f s", method, shown_url(url), result.detail, wait)
            self._clock.sleep(wait)

    def _wait(self, tries: int, failure: Failure, elapsed: float, idempotent: bool) -> float | None:
        unreachable = failure.kind == "connect" and not self._answered
        return seconds_to_wait(
            tries,
            failure,
            elapsed=elapsed,
            draw=random.random(),
            policy=FIRST_CONTACT if unreachable else Policy(),
            idempotent=idempotent,
        )

    def _route(self, url: httpx.URL) -> str:
        proxy = proxy_for(origin_of(url)) if self._transport is None else None
        return f", by way of {shown_proxy(proxy)}" if proxy else ""


def _outcome(attempt: Callable[[], T]) -> T | Failure:
    try:
        return attempt()
    except AttemptError as error:
        return error.failure
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, BodyError, AddressError) as error:
        return failure_of(error)


def _json_of(answer: Answer) -> dict[str, Any]:
    """Read a JSON object; a refusal in GraphQL's shape is an answer whatever its status."""
    if 200 <= answer.status < 300:
        return parse_object(answer.read(MAX_JSON))
    body = answer.read_refusal()
    if 400 <= answer.status < 500 and answer.status not in (401, 403, 408, 429):
        try:
            content = parse_object(body)
        except BodyError:
            content = {}
        if isinstance(content.get("errors"), list):
            return content
    raise AttemptError(answer.status_failure(body))


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InputError("A URL given by the server cannot be read.") from None


def _refusal(detail: str) -> AttemptError:
    return AttemptError(Failure("final", f"the server {detail}"))
