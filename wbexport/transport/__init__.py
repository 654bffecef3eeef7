"""Bytes to and from W&B: the key, retries, limits, verified downloads. Only here is httpx known."""

from __future__ import annotations

from wbexport.transport.answer import Stats
from wbexport.transport.download import Downloaded, Expect
from wbexport.transport.session import Session, Transport, wsgi_transport
from wbexport.transport.wire import user_agent

__all__ = [
    "Downloaded",
    "Expect",
    "Session",
    "Stats",
    "Transport",
    "user_agent",
    "wsgi_transport",
]
