"""Turns the first ^C or SIGTERM into a wish to stop, and the second ^C into an end at once."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

__all__ = ["Interrupts", "SyncInterrupted"]


class SyncInterrupted(KeyboardInterrupt):
    """A sync was interrupted; what it had finished is stored and published.

    Its text says what is done and how to go on.
    """


class Interrupts:
    """Listens for signals while a sync runs; does nothing outside of the main thread.

    Used as a context manager: the handlers of before are back at its end.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
