"""The way to a host: proxy, allowed addresses, and a limit on how slowly bytes may come.

A read timeout alone is defeated by a server that sends one byte before each timeout, and a wall
clock limit cuts large, healthy downloads. So every read is given what is left of an allowance
that grows with the bytes received.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from wbexport.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wbexport.settings import Origin, Settings

__all__ = ["AddressError", "Pace", "open_transport", "pacing", "proxy_for", "shown_proxy"]

_SLOWEST = 1024.0
"""Bytes per second below which a server counts as stalled, once the timeout has been used up."""

#: httpcore asks for a quarter of it, and each read costs the same whatever it brings.
_LEAST_READ = 1 << 18
_MOST_HEADERS = 1 << 20
_CONNECTIONS = 32

_local = threading.local()


class AddressError(Exception):
    """A public server pointed to an address inside a private network."""


class Pace:
    """The reads of one attempt: how long they took and what they brought.

    Args:
        grace: Seconds of waiting that are granted whatever comes.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._waited = 0.0
        self._received = 0
        self.in_headers = True

    def seconds_left(self) -> float:
        """Say how long the next read may take."""
        if self.in_headers and self._received > _MOST_HEADERS:
            raise httpcore.RemoteProtocolError("endless headers")
        left = self._grace + self._received / _SLOWEST - self._waited
        if left <= 0:
            raise httpcore.ReadTimeout("too slow")
        return left

    def count(self, seconds: float, size: int) -> None:
        """Note a read."""
        self._waited += seconds
        self._received += size


@contextmanager
def pacing(grace: float) -> Iterator[Pace]:
    """Hold the reads of this thread to a pace."""
    pace = _local.pace = Pace(grace)
    try:
        yield pace
    finally:
        _local.pace = None


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        pace: Pace | None = getattr(_local, "pace", None)
        if pace is None:
            return self._inner.read(max_bytes, timeout)
        left = pace.seconds_left()
        began = time.monotonic()
        size = max(max_bytes, _LEAST_READ)
        data = self._inner.read(size, left if timeout is None else min(left, timeout))
        pace.count(time.monotonic() - began, len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connects to checked addresses only, each name being resolved once per connection.

    Args:
        settings: Say which host is the user's own choice. Without them (the connection goes to a
            proxy, which the user chose) no address is checked.
    """

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._home_is_private: bool | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.TimeoutException | httpcore.NetworkError | None = None
        for address in self._addresses(host, port):
            try:
                return _Stream(
                    super().connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.TimeoutException, httpcore.NetworkError) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        addresses = _resolve(host, port)
        settings = self._settings
        if settings is None or settings.allow_private_hosts or host == settings.origin.host:
            return addresses
        if any(map(_is_private, addresses)) and not self._is_home_private(settings.origin):
            raise AddressError(
                f"{host} is an address inside a private network, and {settings.origin} is not; "
                "set WBEXPORT_ALLOW_PRIVATE_HOSTS=1 if your storage is there"
            )
        return addresses

    def _is_home_private(self, origin: Origin) -> bool:
        if self._home_is_private is None:
            self._home_is_private = any(map(_is_private, _resolve(origin.host, origin.port)))
        return self._home_is_private


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("the host name cannot be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_private(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return not (mapped or parsed).is_global


def proxy_for(origin: Origin) -> str | None:
    """Say which proxy leads to a host, by the rules of the environment variables.

    `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` name proxies; `NO_PROXY` lists hosts, suffixes,
    `host:port` and address ranges that are reached directly. So is this machine, always.
    """
    if origin.is_loopback:
        return None
    proxies = getproxies()
    if _in_ranges(origin.host, proxies.get("no", "")):
        return None
    if proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    return proxies.get(origin.scheme) or proxies.get("all")


def _in_ranges(host: str, entries: str) -> bool:
    for entry in filter(None, (entry.strip() for entry in entries.split(","))):
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def shown_proxy(proxy: str) -> str:
    """Return a proxy's URL without its user and password."""
    scheme, _, rest = proxy.rpartition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}" if scheme else host


def open_transport(settings: Settings, scheme: str, proxy: str | None) -> httpx.BaseTransport:
    """Open the way to the hosts behind one proxy, or to those reached directly."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    # Loading certificates takes longer than many a request: plain http trusts none.
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    certificates = _certificates(settings.ca_file) if scheme == "https" else plain
    try:
        transport = httpx.HTTPTransport(verify=certificates, limits=limits, proxy=proxy)
    except (ValueError, ImportError, httpx.InvalidURL):
        shown = shown_proxy(proxy or "")
        raise SettingsError(f"The proxy {shown} cannot be used; give an http proxy.") from None
    # httpx has no argument for the backend of its connection pool.
    transport._pool._network_backend = _Backend(settings if proxy is None else None)
    return transport


@cache
def _certificates(ca_file: Path | None) -> ssl.SSLContext:
    try:
        if ca_file is None:
            return httpx.create_ssl_context()
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError):
        raise SettingsError(
            f"{ca_file} (SSL_CERT_FILE or REQUESTS_CA_BUNDLE) holds no certificates to trust."
        ) from None
