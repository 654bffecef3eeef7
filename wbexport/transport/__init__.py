"""Bytes to and from W&B: the key, retries, limits, verified downloads. Only here is httpx known."""

from __future__ import annotations

from wbexport.transport.download import Downloaded, Expect
from wbexport.transport.session import Session, Stats, Transport, user_agent, wsgi_transport

__all__ = [
    "Downloaded",
    "Expect",
    "Session",
    "Stats",
    "Transport",
    "user_agent",
    "wsgi_transport",
]
