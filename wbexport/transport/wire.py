"""Makes one attempt: a place among the running requests, a client, redirects followed by hand."""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import weakref
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpx

from wbexport.transport.answer import Answer, Stats
from wbexport.transport.auth import OriginAuth, origin_of
from wbexport.transport.failures import RedactSecrets, shown_url
from wbexport.transport.governor import Governor
from wbexport.transport.network import open_transport, pacing, proxy_for
from wbexport.transport.retry import AttemptError, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wbexport.settings import Settings
    from wbexport.transport.session import Clock

__all__ = ["Wire", "user_agent"]

_MAX_REDIRECTS = 5
_FIRST_CONNECT_TIMEOUT = 4.0
_CONNECT_TIMEOUT = 10.0
_POOL_TIMEOUT = 60.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_THROTTLED = frozenset({429, 503})

_logger = logging.getLogger("wbexport.transport")
_logger.addFilter(RedactSecrets())


def user_agent() -> str:
    """Return how this client names itself to servers."""
    return f"wbexport/{importlib.metadata.version('wbexport')}"


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
        self._clients: dict[str | None, httpx.Client] = {}
        self._lock = threading.Lock()
        # Few scripts close an `Api`; its connections go with it all the same.
        weakref.finalize(self, _close, self._clients)
        for name in ("httpx", "httpcore"):
            # They log URLs with signatures; whoever sets a level there has chosen so.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.WARNING)

    def seconds_held(self) -> float:
        """Say how long the server asked all requests to wait."""
        return self._governor.seconds_held(self._clock.monotonic())

    def proxy_to(self, url: httpx.URL) -> str | None:
        """Say which proxy leads to a URL's host."""
        return None if self._transport else proxy_for(origin_of(url))

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
        ticket = self._governor.enter()
        answer: Answer | None = None
        try:
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
            self._governor.leave(ticket, good=good, throttled=throttled)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            _close(self._clients)

    def _follow(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
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
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        client = self._client(url)
        connect = _CONNECT_TIMEOUT if self.answered else _FIRST_CONNECT_TIMEOUT
        timeout = httpx.Timeout(self._settings.timeout, connect=connect, pool=_POOL_TIMEOUT)
        request = client.build_request(
            method, url, headers=dict(headers), content=content, timeout=timeout
        )
        began = self._clock.monotonic()
        self._stats.add(requests=1)
        response = client.send(request, auth=self._auth, stream=True, follow_redirects=False)
        self.answered = True
        seconds = self._clock.monotonic() - began
        _logger.debug("%s %s: %s, %.3f s", method, shown_url(url), response.status_code, seconds)
        return response

    def _check_target(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise _refusal("leads to something that is not a web address")
        if url.userinfo:
            raise _refusal("leads to an address with a user name, which is not followed")
        plain_is_fine = self._transport is not None or self._settings.allow_http
        if url.scheme == "http" and not (plain_is_fine or origin_of(url).is_loopback):
            raise _refusal(f"leads to plain http at {url.host}, which is not followed")

    def _client(self, url: httpx.URL) -> httpx.Client:
        proxy = self.proxy_to(url)
        with self._lock:
            if proxy not in self._clients:
                transport = self._transport or open_transport(self._settings, proxy)
                self._clients[proxy] = httpx.Client(
                    transport=transport,
                    trust_env=False,
                    headers={"User-Agent": user_agent(), "Accept": "*/*"},
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
            return self._clients[proxy]

    def _hold(self, answer: Answer) -> None:
        """Let all requests wait when the server says that its allowance is used up."""
        asked = answer.retry_after if answer.status in _THROTTLED else None
        pause = max(asked or 0.0, answer.pause)
        if pause:
            self._governor.hold_until(self._clock.monotonic() + pause)


def _refusal(detail: str) -> AttemptError:
    return AttemptError(Failure("final", f"the server {detail}"))


def _close(clients: dict[str | None, httpx.Client]) -> None:
    while clients:
        clients.popitem()[1].close()
