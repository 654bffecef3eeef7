"""Who may talk to the server: host, origin and token of a request."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["host_allowed", "token_matches"]

# Names of this machine to itself; a page elsewhere cannot make a browser send them as Host.
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")


def host_allowed(environ: Mapping[str, object]) -> bool:
    """Tell whether the raw Host header, and Origin when there is one, name this machine."""
    host = str(environ.get("HTTP_HOST", ""))
    if _LOOPBACK.fullmatch(host) is None:
        return False
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or origin == f"{environ.get('wsgi.url_scheme')}://{host}"


def token_matches(header: str | None, token: str) -> bool:
    """Tell, in constant time, whether a Basic password or a Bearer value is the token."""
    scheme, _, value = (header or "").partition(" ")
    given = ""
    if scheme.lower() == "bearer":
        given = value.strip()
    elif scheme.lower() == "basic":
        try:
            given = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            given = ""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())
