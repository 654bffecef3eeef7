"""Work on many runs or files at once, given back in their order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["WORKERS", "iter_each", "map_in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

WORKERS = 8
_WAITING_CHUNKS = 2
_PATIENCE_SECONDS = 0.2
#: Threads to begin with; there are more while these compute for less than a part of the time.
_FEW = 2
_BUSY = 0.6
_GLANCE_SECONDS = 0.01


def map_in_order(
    work: Callable[[_Item], _Result], items: Sequence[_Item], workers: int = WORKERS
) -> list[_Result]:
    """Do something to every item, several at a time.

    Threads that compute take turns, and lose time by it: more than a few are started only while
    those that run mostly wait.
    """
    crew = _Crew(work, items)
    with ThreadPoolExecutor(workers) as pool:
        try:
            crew.run(pool, workers)
        finally:
            crew.todo.clear()
    return [crew.done[place] for place in range(len(items))]


class _Crew(Generic[_Item, _Result]):
    """Threads that take items from one list.

    Args:
        work: What to do to each item.
        items: The items.
    """

    def __init__(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> None:
        self.todo = deque(enumerate(items))
        self.done: dict[int, _Result] = {}
        self._work = work
        self._failed: dict[int, BaseException] = {}
        self._spent: deque[float] = deque()

    def run(self, pool: ThreadPoolExecutor, most: int) -> None:
        """Work until all items are done or one failed; raises the first failure."""
        most = min(most, len(self.todo))
        threads = [pool.submit(self._take) for _ in range(min(_FEW, most))]
        began = time.monotonic()
        while len(threads) < most and wait(threads, _GLANCE_SECONDS).not_done:
            computed = sum(self._spent.popleft() for _ in range(len(self._spent)))
            now = time.monotonic()
            if computed < _BUSY * (now - began):
                more = min(len(threads), most - len(threads))
                threads += [pool.submit(self._take) for _ in range(more)]
            began = now
        wait(threads)
        if self._failed:
            raise self._failed[min(self._failed)]

    def _take(self) -> None:
        while True:
            try:
                place, item = self.todo.popleft()
            except IndexError:
                return
            began = time.thread_time()
            try:
                self.done[place] = self._work(item)
            except BaseException as error:
                self._failed[place] = error
                self.todo.clear()
            self._spent.append(time.thread_time() - began)


def iter_each(
    streams: Iterable[Callable[[], Iterator[_Result]]],
) -> Iterator[_Result]:
    """Yield what several streams yield, one stream after the other, reading ahead in the next ones.

    Yields:
        Their items. At most `WORKERS` streams are open, each with a few items waiting.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = (_ReadAhead(stream, stop, pool) for stream in streams)
        try:
            opened = list(islice(waiting, WORKERS))
            while opened:
                yield from opened.pop(0)
                opened += islice(waiting, 1)
        finally:
            stop.set()


class _ReadAhead(Generic[_Result]):
    """One stream, read in a worker a few items ahead of who asks for them."""

    def __init__(
        self,
        stream: Callable[[], Iterator[_Result]],
        stop: threading.Event,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._stop = stop
        self._items: queue.Queue[tuple[_Result] | None] = queue.Queue(_WAITING_CHUNKS)
        self._work = pool.submit(self._read, stream)

    def __iter__(self) -> Iterator[_Result]:
        while (item := self._items.get()) is not None:
            yield item[0]
        self._work.result()

    def _read(self, stream: Callable[[], Iterator[_Result]]) -> None:
        try:
            for item in stream():
                if not self._put((item,)):
                    return
        finally:
            self._put(None)

    def _put(self, item: tuple[_Result] | None) -> bool:
        """Hand an item over; False when nobody waits for it any more."""
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return True
        return False
