"""URLs that carry their own permission: no header needed, gone after a while."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Signer"]


class Signer:
    """Signs and checks URLs of this server.

    Args:
        token: The server's token; the signing key is derived from it, so that URLs outlive a
            restart but not a change of token.
        lifetime: Seconds for which a URL stays good.
    """

    def __init__(self, token: str, *, lifetime: int = 3600) -> None:
        self._key = hashlib.blake2b(
            token.encode(), person=b"wbexport signed", digest_size=32
        ).digest()
        self._lifetime = lifetime

    def sign(self, method: str, path: str, **query: str) -> str:
        """Return a quoted path with query, expiry and a signature over all of them."""
        query["expires"] = str(int(time.time()) + self._lifetime)
        query["signature"] = self._signature(method, path, query)
        return f"{path}?{urlencode(query)}"

    def allows(self, method: str, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether a request carries a signature for just this, not expired."""
        given = dict(query)
        signature = given.pop("signature", "")
        expires = given.get("expires", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
            return False
        good = hmac.compare_digest(
            signature.encode(), self._signature(method, path, given).encode()
        )
        return good and int(expires) >= time.time()

    def _signature(self, method: str, path: str, query: Mapping[str, str]) -> str:
        text = "\n".join((method, path, urlencode(sorted(query.items()))))
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
