"""A few threads that fetch runs, and the bounded mailbox through which one writer hears of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbexport.api.concurrent import GLANCE_SECONDS, Ramp
from wbexport.errors import WbexportError
from wbexport.sync.fetch import Piece, StoppedError
from wbexport.sync.spool import MEMORY_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wbexport.sync.plan import RunPlan

__all__ = ["Crew", "Failure"]

#: Values that may wait for the writer: what bounds the memory of a sync.
WAITING_VALUES = 300_000
_ITEM_VALUES = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that could not be fetched, and why."""

    plan: RunPlan
    error: Exception

    @property
    def reason(self) -> str:
        """The error in words; an unexpected one with its type."""
        known = isinstance(self.error, WbexportError)
        return str(self.error) if known else f"{type(self.error).__name__}: {self.error}"


class Crew:
    """Threads that take runs from a list and put what they fetch into a mailbox.

    The threads are daemons: one that waits for a server never holds up the end of the program.

    Args:
        fetch: Fetches one run, piece by piece.
        todo: The runs, in the order they are started.
        jobs: The most threads there may be.
        stopped: Set by `stop`; what fetches looks at it too.
    """

    def __init__(
        self,
        fetch: Callable[[RunPlan], Iterator[Piece]],
        todo: Iterable[RunPlan],
        *,
        jobs: int,
        stopped: threading.Event,
    ) -> None:
        self._fetch = fetch
        self._todo = deque(todo)
        self._mailbox: deque[Piece | Failure] = deque()
        self._values = 0
        self._stopped = stopped
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._ramp = Ramp(min(jobs, len(self._todo)))
        self._threads: list[threading.Thread] = []
        self._taken = time.monotonic()

    def start(self) -> None:
        """Starts a few threads, or a few more if those that run mostly wait."""
        for _ in range(self._ramp.more(len(self._threads))):
            name = f"wbexport-sync-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def take(self, timeout: float) -> Piece | Failure | None:
        """Returns the next item of the mailbox, or None when none came in time."""
        now = time.monotonic()
        until = now + timeout
        if now > self._taken + GLANCE_SECONDS:
            # The writer was at work; who waited for it, or for a processor, needs no help.
            self._ramp.look()
        with self._lock:
            self.start()
            while not self._arrived.wait_for(lambda: self._mailbox, GLANCE_SECONDS):
                now = time.monotonic()
                if now >= until:
                    return None
                self.start()
            self._taken = time.monotonic()
            item = self._mailbox.popleft()
            self._values -= _weight(item)
            if self._values < WAITING_VALUES:
                self._room.notify_all()
            return item

    def stop(self, patience: float = 0.5) -> None:
        """Lets no thread start or go on; waits a moment for those that can end at once."""
        with self._lock:
            self._stopped.set()
            self._todo.clear()
            for item in self._mailbox:
                if isinstance(item, Piece):
                    item.discard()
            self._mailbox.clear()
            self._room.notify_all()
        for thread in self._threads:
            thread.join(patience)
            patience = 0.0 if thread.is_alive() else patience

    def _work(self) -> None:
        self._ramp.join()
        while True:
            try:
                plan = self._todo.popleft()
            except IndexError:
                return
            try:
                for piece in self._fetch(plan):
                    self._put(piece)
            except StoppedError:
                return
            except Exception as error:
                # One bad run must not stop the others; the writer decides what it means.
                try:
                    self._put(Failure(plan, error))
                except StoppedError:
                    return

    def _put(self, item: Piece | Failure) -> None:
        with self._lock:
            self._room.wait_for(lambda: self._stopped.is_set() or self._values < WAITING_VALUES)
            if self._stopped.is_set():
                if isinstance(item, Piece):
                    item.discard()
                raise StoppedError
            self._values += _weight(item)
            self._mailbox.append(item)
            self._arrived.notify()


def _weight(item: Piece | Failure) -> int:
    """Values an item holds in memory, and as many as what comes with them is worth."""
    values = min(item.values, MEMORY_VALUES) if isinstance(item, Piece) else 0
    return values + _ITEM_VALUES
