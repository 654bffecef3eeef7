"""Who may talk to the server: host, origin and key of a request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["given_key", "hash_of", "host_allowed", "new_token", "same_key"]

# Names of this machine to itself; a page elsewhere cannot make a browser send them as Host.
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")


def host_allowed(environ: Mapping[str, object]) -> bool:
    """Tell whether the raw Host header, and Origin when there is one, name this machine."""
    host = str(environ.get("HTTP_HOST", ""))
    if _LOOPBACK.fullmatch(host) is None:
        return False
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or origin == f"{environ.get('wsgi.url_scheme')}://{host}"


def new_token() -> str:
    """Return a fresh token in the form that W&B's clients accept as an API key."""
    return "local-" + secrets.token_hex(20)


def hash_of(key: str) -> str:
    """Return what is kept of a key; so many random bits need no salt."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def given_key(header: str | None) -> str:
    """Return the Basic password or the Bearer value of an Authorization header, else ""."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


def same_key(given: str, known: str) -> bool:
    """Tell, in constant time, whether two keys are the same."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())
