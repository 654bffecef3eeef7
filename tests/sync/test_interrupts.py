"""^C and SIGTERM: what is finished stays, and the next sync goes on."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.errors import AuthError
from wbexport.sync import commit, fetch
from wbexport.sync.interrupts import Interrupts, SyncInterrupted

from .wire import operation_of

if TYPE_CHECKING:
    from .conftest import World


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "BATCH_RUNS", 1)
    monkeypatch.setattr(fetch, "BATCH", 1)


def signal_at(count: int, number: int) -> Any:
    """Sends this process a signal when so many histories were asked for."""
    seen = []

    def fault(request: Any, wire: Any) -> None:
        if operation_of(request) == "RunHistorySource":
            seen.append(request)
            if len(seen) == count:
                os.kill(os.getpid(), number)

    return fault


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_finished_and_tells_how_to_go_on(world: World, number: int):
    world.truth.new_many([world.truth.rows(5)] * 12)
    world.wire.fault = signal_at(6, number)
    before = signal.getsignal(number)
    with pytest.raises(SyncInterrupted, match="of 12 runs of e/p are stored"):
        world.sync(jobs=2)
    assert signal.getsignal(number) is before
    stored = len(world.statuses())
    assert 0 < stored < 12
    world.wire.fault = None
    assert world.sync().actions["unchanged"] >= stored - 1
    world.assert_equal()


def test_a_second_signal_ends_at_once():
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_sync_in_another_thread_leaves_the_signals_alone(world: World):
    world.truth.new(world.truth.rows(5))
    done = []
    thread = threading.Thread(target=lambda: done.append(world.sync().status))
    thread.start()
    thread.join()
    assert done == ["ok"]


def test_a_refused_key_stops_a_sync_at_once_and_keeps_what_is_finished(world: World):
    world.truth.new_many([world.truth.rows(5)] * 12)
    seen = []

    def fault(request: Any, wire: Any) -> Any:
        seen.append(request)
        if len(seen) > 8:
            raise AuthError("the key is refused", status=401)

    world.wire.fault = fault
    with pytest.raises(AuthError):
        world.sync(jobs=1)
    assert 0 < len(world.statuses()) < 12
    world.wire.fault = None
    assert world.sync().status == "ok"
    world.assert_equal()
