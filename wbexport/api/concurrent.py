"""Work on many runs or files at once, given back in their order."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["WORKERS", "iter_each", "map_in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

WORKERS = 8
_WAITING_CHUNKS = 2
_GLANCE_SECONDS = 0.2


def map_in_order(
    work: Callable[[_Item], _Result], items: Sequence[_Item], workers: int = WORKERS
) -> list[_Result]:
    """Do something to every item, several at a time."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


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
                self._items.put(item, timeout=_GLANCE_SECONDS)
            except queue.Full:
                continue
            return True
        return False
