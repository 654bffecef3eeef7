"""The API key as an `httpx.Auth` that looks at the target of every single request."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httpx

from wbexport.settings import DEFAULT_PORTS, Origin

if TYPE_CHECKING:
    from collections.abc import Generator

    from wbexport.settings import Credential

__all__ = ["OriginAuth", "is_signed", "origin_of"]

_SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "signature", "sig", "token"})


class OriginAuth(httpx.Auth):
    """Adds the key to requests for the origin it belongs to, and to no others.

    A signed URL authenticates itself, and storage refuses a second way beside it, so it gets no
    key even on the same origin.

    Args:
        credential: The key and its origin; without one nothing is added.
    """

    def __init__(self, credential: Credential | None) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request when it may be signed."""
        credential = self._credential
        if (
            credential
            and origin_of(request.url) == credential.origin
            and not is_signed(request.url)
        ):
            # The only place in the package that reads the secret.
            pair = f"api:{credential.key.get_secret_value()}".encode()
            request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        yield request

    def __repr__(self) -> str:
        return f"OriginAuth({self._credential!r})"


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin a request for this URL is really sent to.

    Returns:
        Its origin; one that equals no other when httpx could not send it at all.
    """
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    return Origin(url.scheme, url.raw_host.decode("ascii").lower(), port)


def is_signed(url: httpx.URL) -> bool:
    """Tell whether a URL carries its own signature.

    Returns:
        True when its query holds one of the signature parameters of the storage services.
    """
    query = parse_qsl(url.query.decode("ascii", "replace"), keep_blank_values=True)
    return any(name.lower() in _SIGNATURES for name, _ in query)
