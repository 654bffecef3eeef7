"""Work on many things at once, whether it waits or computes."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from wbexport.api import concurrent
from wbexport.api.concurrent import Ramp, map_in_order


@pytest.mark.parametrize("workers", [1, 3, 32])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_every_result_comes_in_the_order_of_its_item(count: int, workers: int) -> None:
    assert map_in_order(lambda number: number * 2, range(count), workers) == [
        number * 2 for number in range(count)
    ]


def test_work_that_waits_gets_all_threads_that_are_allowed() -> None:
    together = threading.Barrier(8, timeout=60)
    map_in_order(lambda _: together.wait(), range(16), 8)


def test_no_more_threads_than_allowed_are_at_work() -> None:
    names: set[str] = set()

    def work(_: int) -> None:
        names.add(threading.current_thread().name)
        time.sleep(0.005)

    map_in_order(work, range(40), 5)
    assert len(names) <= 5


def test_the_first_failure_in_order_is_raised_and_no_other_item_is_begun() -> None:
    begun: list[int] = []
    failed = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.wait(60)
        failed.set()
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        map_in_order(work, range(1000), 8)
    assert len(begun) <= 8


def test_threads_are_added_only_while_those_that_run_mostly_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=0.0, computed=0.0)
    clocks = SimpleNamespace(
        monotonic=lambda: clock.now, clock_gettime=lambda number: clock.computed
    )
    monkeypatch.setattr(concurrent, "time", clocks)
    monkeypatch.setattr(concurrent, "decoder_clocks", list)
    monkeypatch.setattr(concurrent, "thread_clock", lambda: [1])
    ramp = Ramp(7)
    ramp.join()

    def pass_by(seconds: float, computed: float) -> None:
        clock.now += seconds
        clock.computed += computed

    assert ramp.more(0) == 2
    assert ramp.more(2) == 0, "nothing is known yet"
    pass_by(0.1, computed=0.09)
    assert ramp.more(2) == 0, "they compute"
    pass_by(0.1, computed=0.01)
    assert ramp.more(2) == 2, "they wait"
    pass_by(0.1, computed=0.01)
    assert ramp.more(4) == 3, "no more than allowed"
    pass_by(0.1, computed=0.01)
    assert ramp.more(7) == 0
