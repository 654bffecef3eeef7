"""A client of a truth, in one process, with a log of its requests and faults on demand."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.transport.session import Transport, wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from wbexport.store.database import Store

    #: Sees a request; gives an answer in place of the server's, or None.
    Fault = Callable[[httpx.Request, "Wire"], httpx.Response | None]


class Wire(Transport):
    """Carries requests to a server in this process.

    Args:
        inner: The way to the server.
    """

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.requests: list[str] = []
        self.fault: Fault | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(operation_of(request))
        answer = self.fault(request, self) if self.fault else None
        return answer or self.inner.handle_request(request)


class Hurry:
    """A clock that lets time pass at once instead of sleeping."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def time(self) -> float:
        return time.time() + self.slept

    def sleep(self, seconds: float, /) -> None:
        self.slept += seconds


def operation_of(request: httpx.Request) -> str:
    """Name of a GraphQL operation, or the first part of another path."""
    if request.url.path != "/graphql":
        return request.url.path.split("/")[1]
    return str(json.loads(request.read())["operationName"])


def variables_of(request: httpx.Request) -> dict[str, Any]:
    """Variables of a GraphQL request; empty for any other."""
    if request.url.path != "/graphql":
        return {}
    return dict(json.loads(request.read())["variables"])


def connect(truth: Store, policy: ExportPolicy | None = None) -> tuple[Api, Wire]:
    """Serves a store in this process; returns a client of it and the wire between."""
    token = new_token()
    app = create_app(truth, token=token, exports=policy or ExportPolicy())
    wire = Wire(wsgi_transport(app))
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    api = Api(settings=settings, transport=wire)
    # Faults are repeated for a while; nobody has to wait for that here.
    api.client.session._clock = Hurry()
    return api, wire
