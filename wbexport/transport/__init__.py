"""Bytes to and from W&B. Only here is httpx known.

From the outside in: `session` repeats attempts, by the rules of `retry`, until one succeeds;
`download` is a file over several attempts; `wire` makes one attempt, with a place given by
`governor` and the key added by `auth`; `network` finds the way to a host and watches the pace.
`body` decodes what comes, and `failures` turns what went wrong into our errors.
"""

from __future__ import annotations

from wbexport.transport.download import Downloaded, Expect
from wbexport.transport.session import Session, Transport, wsgi_transport
from wbexport.transport.wire import Stats, user_agent

__all__ = [
    "Downloaded",
    "Expect",
    "Session",
    "Stats",
    "Transport",
    "user_agent",
    "wsgi_transport",
]
