"""Limits how many requests run at once and begin each second, as the server's answers teach."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass

__all__ = ["Governor", "Ticket"]

#: Rounds of good answers before more than what is known to be fine is tried: at first, at most.
_PATIENCE = 64
_MOST_PATIENCE = 1024
#: A bound that moves by so many times tells of another allowance.
_CHANGE = 2
#: Good answers, per request at once, that prove that so many at once are allowed.
_PROOF = 4
#: Good answers that a rate is taken from, at least, and the seconds of the first one.
_SAMPLES = 16
_LEAST_BUSY = 1.0
#: Good answers to each refusal when refusals that ask for no pause say nothing of the rate.
_RARE = 128
#: What of a refused pace is kept, and how one that proved itself rises.
_SLOWER = 0.95
_FASTER = 1.05
#: Fewer of a few answers are no measure: a window is used up for a while, then free again.
_LEAST_ANSWERED = 0.9
#: Requests a second that a server bears, or else it says how long to wait.
_SLOWEST = 1.0
#: Seconds between two requests after which the server was not what they waited for.
_IDLE = 1.0
#: Seconds that are not worth waiting.
_NO_TIME = 1e-3


@dataclass(slots=True)
class Ticket:
    """A place among the requests, and what held when the request began.

    Attributes:
        turn: When the request may begin, once that was asked.
        began: When it began.
        running: Requests that ran then, itself included; 0 before.
        paced: Whether it had to wait for the turns of others.
    """

    turn: float | None = None
    began: float = math.inf
    running: int = 0
    paced: bool = False


class _Bound:
    """A bound that each round of good answers raises, which is as many as its value.

    Once it was lowered, it takes many rounds to try more, twice as many after each time that it
    was in vain.

    Args:
        value: What it is at first.
        rounds: Rounds until it is raised, before it was lowered: 0 to raise it with each answer.
        most_patience: Rounds at most until more than what is known to be fine is tried.
    """

    def __init__(self, value: float, *, rounds: int, most_patience: int) -> None:
        self.value = value
        self._rounds = rounds
        self._patience = _PATIENCE
        self._most_patience = most_patience
        self._earned = 0
        self._before = 0.0
        self._lowered_to = math.inf

    def count_good(self, higher: float) -> None:
        """Count an answer given at the bound; enough of them raise it."""
        self._earned += 1
        if self._earned >= self.value * self._rounds:
            self._before, self.value = self.value, higher
            self._earned, self._rounds = 0, min(1, self._rounds)

    def lower(self, value: float) -> None:
        """Go down, after it was raised at most to what was fine before."""
        if self._before < self.value:
            value = max(value, self._before)
        if not 1 / _CHANGE <= value / self._lowered_to <= _CHANGE:
            self._patience = _PATIENCE
        elif self._rounds <= 1:
            self._patience = min(self._most_patience, self._patience * 2)
        self._earned, self._rounds = 0, self._patience
        self.value = self._lowered_to = value


class Governor:
    """Stays just below what the server refuses, for all threads of a session.

    A server may allow so many requests at once, or so many a second. A request refused while n ran
    says that n are too many at once, unless as many were fine before: then an allowance is used up.
    What is answered from then until it is used up again shows its rate, whether the server counts
    tokens or requests in a window, and from then on requests begin at that pace.

    Args:
        start: Requests at once in the beginning.
        most: Requests at once at most.
    """

    def __init__(self, start: int = 8, most: int = 32) -> None:
        self._start = start
        self._most = most
        self._limit = _Bound(start, rounds=0, most_patience=_MOST_PATIENCE)
        self._pace: _Bound | None = None
        self._places = self._running = 0
        self._proofs: deque[int] = deque(maxlen=2 * _PROOF * most)
        self._open_at = self._last_turn = self._last_began = -math.inf
        self._used_up_at = -math.inf
        self._good = self._refused = 0
        self._busy = 0.0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Requests that may run at once now."""
        return int(self._limit.value)

    def enter(self) -> Ticket:
        """Wait for a place; returns the ticket to hand back on leaving."""
        with self._changed:
            self._changed.wait_for(lambda: self._places < self.limit)
            self._places += 1
            return Ticket()

    def seconds_to_begin(self, ticket: Ticket, now: float, draw: float) -> float:
        """Say how long to wait before asking again, or 0 when the request begins.

        Args:
            ticket: What `enter` gave.
            now: The monotonic clock.
            draw: A random number from 0 to 1, so that not all begin together after a hold.
        """
        with self._changed:
            if ticket.turn is None or ticket.turn < self._open_at:
                ticket.turn = self._book_turn(ticket, now, draw)
            if (wait := ticket.turn - now) > _NO_TIME:
                return wait
            self._running += 1
            ticket.began, ticket.running = now, self._running
            self._busy += min(now - self._last_began, _IDLE)
            self._last_began = now
            return 0.0

    def _book_turn(self, ticket: Ticket, now: float, draw: float) -> float:
        held = max(0.0, self._open_at - now)
        turn = now + held + draw * min(1.0, held / 20)
        if self._pace:
            after_last = self._last_turn + 1 / self._pace.value
            ticket.paced = after_last > turn
            turn = self._last_turn = max(after_last, turn)
        return turn

    def leave(self, ticket: Ticket, now: float, *, good: bool, throttled: bool) -> None:
        """Give the place back and learn from the answer."""
        with self._changed:
            self._places -= 1
            if ticket.running:
                self._running -= 1
                if throttled:
                    self._learn_refusal(ticket, now)
                elif good:
                    self._learn_success(ticket)
            self._changed.notify(max(0, self.limit - self._places))

    def hold(self, now: float, seconds: float) -> None:
        """Let no request begin for a while."""
        with self._changed:
            self._open_at = max(self._open_at, now + seconds)

    def _learn_success(self, ticket: Ticket) -> None:
        if ticket.began >= self._used_up_at:
            if self._pace and not self._good:
                self._refused = 0  # They came of what was asked before.
            self._good += 1
        self._proofs.append(ticket.running)
        if ticket.running >= self.limit < self._most:
            self._limit.count_good(self._limit.value + 1)
        if ticket.paced and self._pace:
            self._pace.count_good(self._pace.value * _FASTER)

    def _learn_refusal(self, ticket: Ticket, now: float) -> None:
        """Lower the bound that a refused request ran into."""
        if self._used_up_at == -math.inf:
            self._measure_anew(now)
        at_once = ticket.running
        if self._is_proved(at_once):
            at_once = max(at_once, self._running + 1)  # It may have come last, though begun first.
        if at_once > 1 and not self._is_proved(at_once):
            if at_once <= self.limit:
                self._limit.lower(at_once - 1)
            return
        self._refused += 1
        if ticket.began < self._used_up_at:
            return  # It was refused with the last one.
        if self._good >= _SAMPLES and (self._pace or self._busy >= _LEAST_BUSY):
            if self._good < _RARE * self._refused or self._open_at > now:
                self._slow_down()
            self._measure_anew(now)

    def _is_proved(self, at_once: int) -> bool:
        return sum(running >= at_once for running in self._proofs) >= _PROOF * at_once

    def _slow_down(self) -> None:
        if self._pace:
            answered = self._good / (self._good + self._refused - 1)
            slower = self._pace.value * _SLOWER * max(_LEAST_ANSWERED, answered)
            self._pace.lower(max(_SLOWEST, slower))
            return
        rate = max(_SLOWEST, self._good / max(self._busy, _NO_TIME))
        self._pace = _Bound(rate, rounds=1, most_patience=_PATIENCE)
        # The number at once may have been lowered before it was clear that it was the rate.
        value = max(self._start, self._limit.value)
        self._limit = _Bound(value, rounds=1, most_patience=_MOST_PATIENCE)

    def _measure_anew(self, now: float) -> None:
        self._used_up_at, self._busy = now, 0.0
        self._good = self._refused = 0
