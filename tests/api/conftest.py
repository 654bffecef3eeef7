"""Connections to stub servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.stub import BASE
from wbexport.api.client import Api
from wbexport.settings import Settings
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.stub import Stub

    Connect = Callable[[Stub], Api]


def connect_to(stub: Stub) -> Api:
    key = "canarykey" + "0123456789abcdef" * 3
    settings = Settings.load(api_key=key, overrides={"base_url": BASE}, environ={})
    return Api(settings=settings, transport=wsgi_transport(stub))


@pytest.fixture
def connect() -> Connect:
    return connect_to
