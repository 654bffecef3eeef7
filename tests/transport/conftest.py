"""Scripted servers and sessions to them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport.fault_server import FakeClock, FaultServer, Reply, Request
from wbexport.settings import Settings
from wbexport.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Serve = Callable[..., FaultServer]
    Connect = Callable[..., Session]

KEY = "canarykey" + "0123456789abcdef" * 3


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server for a script, or for a list of replies of which the last one repeats."""
    with ExitStack() as stack:

        def start(script: Callable[[Request], Reply] | list[Reply], **options: Any) -> FaultServer:
            replies = script if isinstance(script, list) else None

            def listed(request: Request) -> Reply:
                assert replies is not None
                return replies[min(request.number, len(replies) - 1)]

            chosen = listed if isinstance(script, list) else script
            return stack.enter_context(FaultServer(chosen, **options))

        yield start


@pytest.fixture
def connect(tmp_path: Path, clock: FakeClock) -> Iterator[Connect]:
    """Open a session to a server, with a clock that does not really wait."""
    with ExitStack() as stack:

        def start(base_url: str, **options: Any) -> Session:
            timeout = options.pop("timeout", 5.0)
            environ = {"WANDB_BASE_URL": base_url, "WANDB_API_KEY": KEY}
            settings = Settings.load(timeout=timeout, environ=environ, home=tmp_path, cwd=tmp_path)
            return stack.enter_context(Session(settings, **({"clock": clock} | options)))

        yield start
