"""Repeats what failed for as long as it makes sense."""

from __future__ import annotations

import json
import logging
import random
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

import httpx

from wbexport.decoding import decode
from wbexport.errors import InputError
from wbexport.transport.body import MAX_JSON, BodyError, parse_object
from wbexport.transport.download import Downloaded, Expect, Part, Transfer
from wbexport.transport.failures import error_for, failure_of, shown_url
from wbexport.transport.network import AddressError, shown_proxy
from wbexport.transport.retry import (
    FIRST_CONTACT,
    AttemptError,
    Failure,
    Policy,
    RetryBudget,
    seconds_to_wait,
)
from wbexport.transport.wire import Stats, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wbexport.settings import Settings
    from wbexport.transport.wire import Answer

__all__ = ["Clock", "Session", "Transport", "wsgi_transport"]

_MAX_IN_MEMORY = 2 << 30
_PROGRESS = 1 << 20
_PIECE = 1 << 18

_T = TypeVar("_T")

_logger = logging.getLogger("wbexport.transport")


class Transport(httpx.BaseTransport):
    """The one narrow method through which bytes leave; the network is used when there is none."""


class _WsgiTransport(httpx.WSGITransport, Transport):
    pass


class Clock(Protocol):
    """The time, and the only way to let it pass."""

    def monotonic(self) -> float:
        """Seconds from some moment on, never going back."""

    def time(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


def wsgi_transport(app: Callable[..., Iterable[bytes]]) -> Transport:
    """Connect a session to a WSGI application in this process."""

    def conforming(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # httpx gives the path as text, where WSGI has its bytes, each as one character.
        environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
        return app(environ, start_response)

    return _WsgiTransport(app=conforming)


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
        self._clock = clock
        self._wire = Wire(settings, self.stats, transport=transport, clock=clock)
        self._budget = RetryBudget()

    def post_json(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        idempotent: bool = True,
        changes: str | None = None,
    ) -> Any:
        """Post a JSON body and return the JSON object that is answered.

        Args:
            path: Path below the base URL, with its leading slash.
            body: What to send.
            idempotent: Whether it may be sent twice. If not, it is repeated only when certainly
                nothing was sent.
            changes: What would change the server, if it does; refused by read-only settings.

        Returns:
            The object; also that of a refusal (HTTP 400 and the like) in GraphQL's own shape, then
            with its `status`.

        Raises:
            InputError: It would change the server, and the settings are read-only.
            SettingsError: There is no key for the base URL.
            RequestError: There was no usable answer.
        """
        if changes is not None:
            self._require_writable(changes)
        self.settings.require_credential()
        url = httpx.URL(self.settings.base_url + path)
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}

        def attempt() -> dict[str, Any]:
            with self._wire.open("POST", url, headers=headers, content=content) as answer:
                if not 200 <= answer.status < 300:
                    return _refusal_of(answer)
                body = answer.read(MAX_JSON)
            return decode(lambda: parse_object(body()))

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
        return self._get(url, byte_range, expect or Expect(), refresh).content

    def get_part(
        self, url: str, start: int, stop: int, *, refresh: Callable[[], str] | None = None
    ) -> Part:
        """Fetch a part of a file, and learn what the server says of the whole of it.

        Args:
            url: Where it is; see `get_bytes` for the key.
            start: First byte.
            stop: The byte after the last one.
            refresh: Gives a new URL when the signed one has expired.

        Returns:
            The part; it is shorter when the file ends before.

        Raises:
            NotFoundError: There is no such file.
            RequestError: There was no usable answer.
        """
        return self._get(url, (start, stop), Expect(), refresh)

    def _get(
        self,
        url: str,
        window: tuple[int, int] | None,
        expect: Expect,
        refresh: Callable[[], str] | None,
    ) -> Part:
        if window is not None and not 0 <= window[0] < window[1]:
            raise InputError(f"The byte range {window} is empty or negative.")
        sink = BytesIO()
        transfer = Transfer(
            self._wire,
            _parsed(url),
            sink,
            expect=expect,
            window=window,
            refresh=refresh,
            limit=_MAX_IN_MEMORY,
        )
        self._transfer(transfer)
        return Part(sink.getvalue(), transfer.total, transfer.etag)

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
            Size and ETag.

        Raises:
            NotFoundError: There is no such file.
            IntegrityError: It is not what was expected.
            RequestError: There was no usable answer.
        """
        transfer = Transfer(
            self._wire,
            _parsed(url),
            sink,
            expect=Expect(size, md5),
            refresh=refresh,
        )
        self._transfer(transfer)
        return Downloaded(transfer.position, transfer.etag)

    def get_headers(self, url: str) -> Mapping[str, str]:
        """Ask for a file, and look at no more than what is said before its bytes.

        Args:
            url: Where it is; see `get_bytes` for the key.

        Returns:
            The headers, whatever the case of their names.

        Raises:
            NotFoundError: There is no such file.
            RequestError: There was no usable answer.
        """
        target = _parsed(url)

        def attempt() -> Mapping[str, str]:
            headers = {"Accept-Encoding": "identity"}
            with self._wire.open("GET", target, headers=headers) as answer:
                if answer.status != 200:
                    raise AttemptError(answer.status_failure(answer.read_refusal()))
                return answer.headers

        return self._repeat(attempt, "GET", target)

    def upload(
        self,
        url: str,
        source: BinaryIO,
        *,
        size: int,
        headers: Mapping[str, str] | None = None,
    ) -> str | None:
        """Put the next bytes of a file where a server asked for them.

        Args:
            url: Where they go; see `get_bytes` for the key.
            source: Gives the bytes from its present position on; must be able to seek.
            size: How many.
            headers: What the server wants to be sent with them.

        Returns:
            The ETag that was answered, if any.

        Raises:
            InputError: The settings are read-only.
            RequestError: The bytes were not accepted.
        """
        self._require_writable("An upload")
        target, start = _parsed(url), source.tell()
        sent = {**(headers or {}), "Content-Length": str(size)}

        def attempt() -> str | None:
            source.seek(start)
            pieces = _iter_pieces(source, size)
            with self._wire.open("PUT", target, headers=sent, content=pieces) as answer:
                if not 200 <= answer.status < 300:
                    raise AttemptError(answer.status_failure(answer.read_refusal()))
                answer.read_refusal()
                return answer.headers.get("ETag")

        return self._repeat(attempt, "PUT", target)

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, tuple[Settings]]:
        return Session, (self.settings,)

    def _require_writable(self, what: str) -> None:
        if self.settings.read_only:
            raise InputError(f"{what} would change the server, and these settings are read-only.")

    def _transfer(self, transfer: Transfer) -> None:
        self._repeat(transfer.attempt, "GET", transfer.url, position=lambda: transfer.position)

    def _repeat(
        self,
        attempt: Callable[[], _T],
        method: str,
        url: httpx.URL,
        *,
        idempotent: bool = True,
        position: Callable[[], int] = int,
    ) -> _T:
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
            if position() - reached >= _PROGRESS:
                began, tries, reached = self._clock.monotonic(), 1, position()
            elapsed = self._clock.monotonic() - began
            pause = self._wait(tries, result, elapsed, idempotent)
            charged = pause is not None and result.retry_after is None
            if pause is None or (charged and not self._budget.spend()):
                trouble = f" (attempt {tries}, {elapsed:.0f} s{self._route(url)})"
                credential = self.settings.credential
                source = f" (from {credential.source})" if credential else ""
                raise error_for(result, method, url, trouble, key_source=source)
            spent += charged
            self.stats.add(retries=1)
            _logger.info("%s %s: %s; again in %.1f s", method, shown_url(url), result.detail, pause)
            self._clock.sleep(pause)

    def _wait(self, tries: int, failure: Failure, elapsed: float, idempotent: bool) -> float | None:
        unreachable = failure.kind == "connect" and not self._wire.answered
        return seconds_to_wait(
            tries,
            failure,
            elapsed=elapsed,
            draw=random.random(),
            policy=FIRST_CONTACT if unreachable else Policy(),
            idempotent=idempotent,
        )

    def _route(self, url: httpx.URL) -> str:
        proxy = self._wire.proxy_to(url)
        return f", by way of {shown_proxy(proxy)}" if proxy else ""


def _outcome(attempt: Callable[[], _T]) -> _T | Failure:
    try:
        return attempt()
    except AttemptError as error:
        return error.failure
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, BodyError, AddressError) as error:
        return failure_of(error)


def _refusal_of(answer: Answer) -> dict[str, Any]:
    """Read a refusal in GraphQL's shape, which is an answer whatever its status."""
    body = answer.read_refusal()
    if 400 <= answer.status < 500 and answer.status not in (401, 403, 408, 429):
        try:
            content = parse_object(body)
        except BodyError:
            content = {}
        if isinstance(content.get("errors"), list):
            return content | {"status": answer.status}
    raise AttemptError(answer.status_failure(body))


def _iter_pieces(source: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := source.read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InputError("A URL given by the server cannot be read.") from None
