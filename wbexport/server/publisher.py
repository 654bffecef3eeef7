"""Publishes a written store off the request path: soon after a run ends, else each minute."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Publisher"]

_log = logging.getLogger(__name__)


class Publisher:
    """A thread that calls `publish` when there is something new.

    Args:
        publish: Publishes the store.
        tick: Called about every `interval` seconds, busy or not.
        settle: Seconds to wait after a run has ended, so that several share one publish.
        interval: Seconds between publishes while runs go on.
    """

    def __init__(
        self,
        publish: Callable[[], object],
        *,
        tick: Callable[[], object],
        settle: float = 2.0,
        interval: float = 60.0,
    ) -> None:
        self._publish = publish
        self._tick = tick
        self._settle = settle
        self._interval = interval
        self._condition = threading.Condition()
        self._due: float | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="wbexport-publisher", daemon=True)
        self._thread.start()

    def wrote(self, *, soon: bool) -> None:
        """Note a write; `soon` when a reader is likely to want it now."""
        due = time.monotonic() + (self._settle if soon else self._interval)
        with self._condition:
            self._due = due if self._due is None else min(self._due, due)
            self._condition.notify()

    def close(self) -> None:
        """Stop the thread and publish what is left."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()
        if self._due is not None:
            self._publish()

    def _run(self) -> None:
        next_tick = time.monotonic() + self._interval
        while True:
            with self._condition:
                wake = next_tick if self._due is None else min(self._due, next_tick)
                self._condition.wait(max(wake - time.monotonic(), 0.0))
                if self._closing:
                    return
                now = time.monotonic()
                publish_now = self._due is not None and self._due <= now
                if publish_now:
                    self._due = None
            if now >= next_tick:
                next_tick = now + self._interval
                self._guarded(self._tick)
            if publish_now and not self._guarded(self._publish):
                self.wrote(soon=False)

    @staticmethod
    def _guarded(work: Callable[[], object]) -> bool:
        try:
            work()
        except Exception:
            _log.exception("publishing failed; it will be tried again")
            return False
        return True
