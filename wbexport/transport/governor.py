"""Limits how many requests run at once and begin each second, as the server's answers teach."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass

__all__ = ["Governor", "Ticket"]

#: Rounds of good answers before what was refused is tried again: at first, and at most.
_PATIENCE = 64
_MOST_PATIENCE = 1024
#: A bound refused so many times above or below the last one tells of another allowance.
_CHANGE = 2
#: Good answers a rate is taken from: at most, and at least.
_SAMPLES = 64
_FEWEST_SAMPLES = 16
#: Good answers, per request at once, that prove that so many at once are allowed.
_PROOF = 3
#: Good answers after which one refusal says nothing of the rate.
_RARE = 256
#: How a pace changes at a refusal, and when it has proved itself.
_SLOWER = 0.9
_FASTER = 1.05
#: Seconds that are not worth waiting.
_NO_TIME = 1e-3
#: Seconds in which refusals of requests that began before a pace was lowered do not count.
_GRACE = 0.5


@dataclass(frozen=True, slots=True)
class Ticket:
    """What held when a request began.

    Args:
        came: When it came to ask for a place.
        running: Requests at once, itself included.
        paced: Whether requests had to wait for each other's turns.
    """

    came: float
    running: int
    paced: bool


class _Bound:
    """A bound that good answers raise, the more rarely the more often that was refused.

    Below what was refused last it takes a round of good answers to rise, which is as many as its
    value. To go beyond takes many rounds, twice as many after each time that it was in vain.
    """

    def __init__(self, value: float) -> None:
        self.value = value
        self._refused = self._remembered = math.inf
        self._patience = _PATIENCE
        self._probing = False
        self._earned = 0

    def count_good(self, higher: float) -> None:
        """Count an answer given at the bound; enough of them raise it."""
        self._earned += 1
        beyond = higher >= self._refused
        if self._earned >= self.value * (self._patience if beyond else 1):
            self._earned, self.value = 0, higher
            if beyond:
                self._refused, self._probing = math.inf, True

    def lower(self, value: float, refused: float) -> None:
        """Go down, and remember what was refused."""
        self._earned, self.value, self._refused = 0, value, refused
        if not 1 / _CHANGE <= refused / self._remembered <= _CHANGE:
            self._patience = _PATIENCE
        elif self._probing:
            self._patience = min(_MOST_PATIENCE, self._patience * 2)
        self._remembered, self._probing = refused, False


class Governor:
    """Stays just below what the server refuses, for all threads of a session.

    A server may allow so many requests at once, or so many a second. A request refused while n ran
    says that n are too many at once, unless as many were fine before: then it was the rate, and
    from then on requests begin at a pace.

    Args:
        start: Requests at once in the beginning.
        most: Requests at once at most.
    """

    def __init__(self, start: int = 8, most: int = 32) -> None:
        self._start = start
        self._most = most
        self._limit = _Bound(start)
        self._pace: _Bound | None = None
        self._paced = False
        self._slowed_at = -math.inf
        self._running = 0
        self._proved = [0.0] * (most + 1)
        self._good_in_between = 0
        self._doubtful = False
        self._good_at: deque[float] = deque(maxlen=_SAMPLES)
        self._held = self._open_at = 0.0
        self._counted = self._booked = self._counted_at = 0.0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        return int(self._limit.value)

    def enter(self, now: float) -> Ticket:
        """Wait for a place; returns the ticket to hand back on leaving."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < self.limit)
            self._running += 1
            return Ticket(now, self._running, self._paced)

    def leave(self, ticket: Ticket, now: float, *, good: bool, throttled: bool) -> None:
        """Give the place back and learn from the answer."""
        with self._changed:
            self._running -= 1
            if throttled:
                self._learn(ticket, now)
            elif good:
                self._good_at.append(max(now, self._open_at) - self._held)
                self._good_in_between += 1
                self._proved[ticket.running] += 1
                if ticket.running >= self.limit < self._most:
                    self._limit.count_good(self._limit.value + 1)
                if ticket.paced and self._pace:
                    self._count_turns(now)
                    self._pace.count_good(self._pace.value * _FASTER)
            self._changed.notify_all()

    def _learn(self, ticket: Ticket, now: float) -> None:
        """Lower the bound that a refused request ran into."""
        if ticket.came < self._slowed_at:
            return  # It began before the pace was lowered for others of its time.
        proved = sum(self._proved[ticket.running :]) >= _PROOF * ticket.running
        between, self._good_in_between = self._good_in_between, 0
        self._proved = [count / 2 for count in self._proved]
        if ticket.paced or proved or ticket.running == 1:
            # One such refusal proves little, and when all is refused it is not for the rate.
            if between and (ticket.paced or (self._doubtful and between <= _RARE)):
                self._slow_down(now)
            self._doubtful = True
        elif ticket.running <= self.limit:
            self._limit.lower(ticket.running - 1, ticket.running)

    def _slow_down(self, now: float) -> None:
        rate = self._rate()
        self._count_turns(now)
        if self._pace:
            value = self._pace.value
            self._pace.lower(max(value / 2, min(value * _SLOWER, rate)), value)
        elif rate < math.inf:
            self._pace = _Bound(rate * _SLOWER)
        else:
            return
        self._slowed_at = max(now, self._open_at) + _GRACE
        self._limit = _Bound(max(self._start, self._limit.value))

    def _rate(self) -> float:
        """Good answers a second, of late, when nothing was held."""
        if len(self._good_at) < _FEWEST_SAMPLES or self._good_at[0] == self._good_at[-1]:
            return math.inf
        later = sum(moment > self._good_at[0] for moment in self._good_at)
        return later / (self._good_at[-1] - self._good_at[0])

    def hold(self, now: float, seconds: float) -> None:
        """Let no request begin for a while."""
        with self._changed:
            longer = now + seconds - max(now, self._open_at)
            if longer > 0:
                self._count_turns(now)
                self._held += longer
                self._open_at = self._counted_at = now + seconds

    def book_turn(self, now: float) -> float:
        """Return the number of a request's turn."""
        with self._changed:
            self._count_turns(now)
            self._paced = self._pace is not None and self._booked + 1 > self._counted
            self._booked = max(self._booked + 1, self._counted)
            return self._booked

    def seconds_to(self, turn: float, now: float, draw: float) -> float:
        """Say how long to wait before asking again, or 0 when a request may begin.

        Args:
            turn: What was booked for it.
            now: The monotonic clock.
            draw: A random number from 0 to 1, so that not all begin together after a hold.
        """
        with self._changed:
            held = max(0.0, self._open_at - now)
            if not self._pace:
                return held + draw * min(1.0, held / 20)
            self._count_turns(now)
            wait = max(0.0, self._counted_at - now) + (turn - self._counted) / self._pace.value
            return wait if wait > _NO_TIME else 0.0

    def _count_turns(self, now: float) -> None:
        """Count those whose time has come, before the pace changes."""
        if now > self._counted_at:
            if self._pace:
                self._counted += (now - self._counted_at) * self._pace.value
            else:
                self._counted = self._booked
            self._counted_at = now
