"""Work on many things at once, whether it waits or computes."""

from __future__ import annotations

import threading
import time

import pytest

from wbexport.api.concurrent import map_in_order


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
