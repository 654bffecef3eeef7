"""Gives every failure its place in the error tree, and keeps secrets out of the words."""

from __future__ import annotations

import logging
import re
import ssl
from typing import TYPE_CHECKING, Any

import httpx

from wbexport.errors import (
    AuthError,
    NotFoundError,
    RateLimitError,
    RequestError,
    ResponseError,
    ServerError,
    TransportError,
)
from wbexport.transport.body import BodyError, parse_object, web_page_title
from wbexport.transport.network import AddressError
from wbexport.transport.retry import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RedactSecrets", "error_for", "failure_of", "redacted", "server_message", "shown_url"]

_SECRETS = re.compile(
    r"(?<=://)[^/\s@]*@"  # user and password of a URL
    r"|(?<=[\w./-])\?[^\s'\"<>]+"  # query of a URL, where signatures are
    r"|(?i:(?<=basic )|(?<=bearer ))[A-Za-z0-9+/=._~-]+"
    r"|[A-Za-z0-9_-]{40,}"  # anything as long as a key
)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_WORDS: dict[type[Exception], str] = {
    httpx.ConnectTimeout: "the connection was not accepted in time",
    httpx.ConnectError: "the connection failed",
    httpx.PoolTimeout: "no connection became free in time",
    httpx.ProxyError: "the proxy refused",
    httpx.ReadTimeout: "the server stopped sending, or sent too slowly",
    httpx.WriteTimeout: "the server stopped receiving",
    httpx.RemoteProtocolError: "the answer was cut or is not HTTP",
}


def redacted(text: str) -> str:
    """Mask what looks like a key, a password or a signature."""
    return _SECRETS.sub("***", text)


class RedactSecrets(logging.Filter):
    """Masks secrets in log records, as the last line of defence."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by its masked form."""
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


def shown_url(url: httpx.URL) -> str:
    """Return scheme, host and path: all of a URL that may be shown."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def failure_of(error: Exception) -> Failure:
    """Say what an exception of an attempt means for the next one.

    Returns:
        The failure. Its words are our own, since those of httpx may quote a URL.
    """
    if isinstance(error, BodyError):
        return Failure("final" if error.final else "body", redacted(str(error)))
    if isinstance(error, AddressError | httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Failure("final", str(error) if isinstance(error, AddressError) else "a broken URL")
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Failure("certificate", "the certificate is not valid or not trusted")
    words = next((text for kind, text in _WORDS.items() if isinstance(error, kind)), "it broke off")
    reason = next((c.strerror for c in causes if isinstance(c, OSError) and c.strerror), None)
    detail = f"{words} ({reason})" if reason else words
    return Failure("connect" if isinstance(error, _NOT_SENT) else "transport", detail)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def server_message(body: bytes) -> str:
    """Find the server's own words in an error answer, whatever its shape."""
    try:
        content: Any = parse_object(body)
    except BodyError:
        return redacted(f"a web page{title}") if (title := web_page_title(body)) else ""
    errors = content.get("errors") or content.get("error") or content.get("message")
    entries = errors if isinstance(errors, list) else [errors]
    texts = [entry.get("message") if isinstance(entry, dict) else entry for entry in entries]
    return redacted("; ".join(str(text) for text in texts if text))[:500]


def error_for(
    failure: Failure, method: str, url: httpx.URL, trouble: str, *, key_source: str
) -> Exception:
    """Choose the exception for a failure that is not repeated any more."""
    shown = shown_url(url)
    text = f"{method} {shown}: {failure.detail}{trouble}"
    kind: type[RequestError]
    match failure:
        case Failure(status=401 | 403):
            kind, advice = AuthError, f"Check the API key{key_source} and what it may see."
        case Failure(status=404 | 410) if method == "GET":
            return NotFoundError(f"{text}. It is not there, or the base URL is wrong.")
        case Failure(status=429):
            kind, advice = RateLimitError, "Wait some minutes, or use fewer jobs."
        case Failure(status=int(status)) if status >= 500:
            kind, advice = ServerError, "The server has trouble; try again later."
        case Failure(kind="connect" | "transport"):
            kind, advice = TransportError, "Check the network, the proxy and the base URL."
        case Failure(kind="certificate"):
            kind, advice = TransportError, "If it is right, name its issuer's in SSL_CERT_FILE."
        case Failure(kind="body"):
            kind, advice = ResponseError, "Something on the way damages answers; try again."
        case _:
            kind, advice = ResponseError, "Check the base URL."
    return kind(f"{text}. {advice}", status=failure.status, url=shown)
