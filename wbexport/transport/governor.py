"""Limits how many requests run at once, and learns the limit from the server's answers."""

from __future__ import annotations

import threading

__all__ = ["Governor"]


class Governor:
    """Additive increase, multiplicative decrease, shared by all threads of a session.

    A throttled answer halves the limit, once for all requests that were under way together. A
    limit's worth of good answers raises it by one.

    Args:
        start: Requests at once in the beginning.
        most: Requests at once at most; httpx becomes slower beyond 16.
    """

    def __init__(self, start: int = 8, most: int = 16) -> None:
        self._limit = float(start)
        self._most = most
        self._running = 0
        self._cuts = 0
        self._open_at = 0.0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        return int(self._limit)

    def enter(self) -> int:
        """Wait for a place; returns the ticket to hand back on leaving."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < int(self._limit))
            self._running += 1
            return self._cuts

    def leave(self, ticket: int, *, good: bool, throttled: bool) -> None:
        """Give the place back and learn from the answer."""
        with self._changed:
            self._running -= 1
            if throttled and ticket == self._cuts:
                self._limit = max(1.0, self._limit / 2)
                self._cuts += 1
            elif good:
                self._limit = min(float(self._most), self._limit + 1 / self._limit)
            self._changed.notify_all()

    def hold_until(self, moment: float) -> None:
        """Let no request begin before a moment of the monotonic clock."""
        with self._changed:
            self._open_at = max(self._open_at, moment)

    def seconds_held(self, now: float) -> float:
        """Say how long a request has to wait before it may begin."""
        with self._changed:
            return max(0.0, self._open_at - now)
