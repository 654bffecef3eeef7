"""Work on many runs or files at once, given back in their order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from wbexport.decoding import decoder_clocks, thread_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["GLANCE_SECONDS", "WORKERS", "Ramp", "iter_each", "map_in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

WORKERS = 8
_WAITING_CHUNKS = 2
_PATIENCE_SECONDS = 0.2
#: Threads to begin with; there are more while these compute for less than a part of the time.
_FEW = 2
_BUSY = 0.6
#: How often to look.
GLANCE_SECONDS = 0.01


class Ramp:
    """Tells how many threads are worth having: more while those that run mostly wait.

    Threads that compute take turns in Python, and lose time by it.

    Args:
        most: The most there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._computed: dict[int, float] = {}
        self._looked = time.monotonic()

    def join(self) -> None:
        """Count the calling thread among those that run."""
        # Where a thread's clock cannot be read by others it counts as one that waits.
        self._computed |= dict.fromkeys(thread_clock(), 0.0)

    def look(self) -> float:
        """Return how many threads' worth was computed since the last look."""
        now, before = time.monotonic(), self._computed
        latest = {clock: _seconds_of(clock) for clock in [*before, *decoder_clocks()]}
        computed = sum(
            max(0.0, seconds - before.get(clock, seconds)) for clock, seconds in latest.items()
        )
        busy = computed / max(now - self._looked, 1e-9)
        self._looked = now
        self._computed |= latest
        return busy

    def more(self, running: int) -> int:
        """Return how many threads to start beside those that run, by what they did lately."""
        if not running:
            return min(_FEW, self._most)
        if running >= self._most or time.monotonic() - self._looked < GLANCE_SECONDS:
            return 0
        return min(running, self._most - running) if self.look() < _BUSY else 0


def _seconds_of(clock: int) -> float:
    try:
        return time.clock_gettime(clock)
    except OSError:
        # Its thread has ended.
        return 0.0


def map_in_order(
    work: Callable[[_Item], _Result], items: Sequence[_Item], workers: int = WORKERS
) -> list[_Result]:
    """Do something to every item, several at a time; threads are added as `Ramp` tells."""
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

    def run(self, pool: ThreadPoolExecutor, most: int) -> None:
        """Work until all items are done or one failed; raises the first failure."""
        most = min(most, len(self.todo))
        ramp = Ramp(most)
        threads: list[Future[None]] = []
        waiting = True
        while waiting:
            new = ramp.more(len(threads))
            threads += [pool.submit(self._take, ramp) for _ in range(new)]
            patience = GLANCE_SECONDS if len(threads) < most else None
            waiting = bool(wait(threads, patience).not_done)
        if self._failed:
            raise self._failed[min(self._failed)]

    def _take(self, ramp: Ramp) -> None:
        ramp.join()
        while True:
            try:
                place, item = self.todo.popleft()
            except IndexError:
                return
            try:
                self.done[place] = self._work(item)
            except BaseException as error:
                self._failed[place] = error
                self.todo.clear()


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
