"""Clients of a governor and a server with an allowance, simulated in virtual time."""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wbexport.transport.retry import Failure, Policy, seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.transport.governor import Governor, Ticket


@dataclass
class Allowance:
    """What a server bears: so many requests at once, and so many in a time.

    Args:
        at_once: Requests in flight.
        rate: Requests a second.
        counted: How they are counted: a `bucket` of tokens, or those accepted in the `sliding`
            window before the request, or in the `fixed` window that it falls into.
        seconds: Length of a window; a bucket holds what is gained in it.
    """

    at_once: float = float("inf")
    rate: float = float("inf")
    counted: str = "bucket"
    seconds: float = 1.0
    in_flight: int = 0
    _accepted: deque[float] = field(default_factory=deque, init=False)
    _tokens: float = field(default=float("inf"), init=False)
    _filled_at: float = field(default=0.0, init=False)

    def takes(self, now: float) -> bool:
        """Say whether a request is accepted, and count it."""
        if self.in_flight >= self.at_once:
            return False
        if self.rate < float("inf") and not getattr(self, f"_takes_{self.counted}")(now):
            return False
        self.in_flight += 1
        return True

    def _takes_bucket(self, now: float) -> bool:
        gained = (now - self._filled_at) * self.rate
        self._tokens, self._filled_at = min(self.rate * self.seconds, self._tokens + gained), now
        taken = self._tokens >= 1
        self._tokens -= taken
        return taken

    def _takes_sliding(self, now: float) -> bool:
        return self._takes_since(now - self.seconds, now)

    def _takes_fixed(self, now: float) -> bool:
        return self._takes_since(now // self.seconds * self.seconds, now)

    def _takes_since(self, start: float, now: float) -> bool:
        while self._accepted and self._accepted[0] <= start:
            self._accepted.popleft()
        taken = len(self._accepted) < self.rate * self.seconds
        if taken:
            self._accepted.append(now)
        return taken


class Simulation:
    """Clients that ask again as soon as they are answered, as a session's threads do.

    Args:
        governor: What is tested.
        allowance: What the server bears; may be changed between runs.
        clients: Threads.
        latency: Seconds to an answer.
        jitter: Share of it that is left to chance.
        there: Share of it that passes before the server has the request.
        retry_after: What a refusal says of when to come back.
    """

    def __init__(
        self,
        governor: Governor,
        allowance: Allowance,
        *,
        clients: int = 40,
        latency: float = 0.05,
        jitter: float = 0.0,
        there: float = 0.1,
        retry_after: float | None = None,
    ) -> None:
        self.now = 0.0
        self.good = self.refused = 0
        self._governor = governor
        self._allowance = allowance
        self._latency = latency
        self._jitter = jitter
        self._there = there
        self._retry_after = retry_after
        self._random = random.Random(7)
        self._places = 0
        self._waiting: deque[int] = deque()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        for _ in range(clients):
            self._ask(1)

    def run(self, seconds: float) -> tuple[float, float]:
        """Let time pass; returns good answers a second and the share of refusals."""
        self.good = self.refused = 0
        stop = self.now + seconds
        while self._events and self._events[0][0] <= stop:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = stop
        return self.good / seconds, self.refused / max(1, self.good + self.refused)

    def _later(self, seconds: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, happen))

    def _ask(self, attempt: int) -> None:
        self._waiting.append(attempt)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._places < self._governor.limit:
            self._places += 1
            self._begin(self._waiting.popleft(), self._governor.enter())

    def _begin(self, attempt: int, ticket: Ticket) -> None:
        draw = self._random.random()
        if wait := self._governor.seconds_to_begin(ticket, self.now, draw):
            self._later(wait, lambda: self._begin(attempt, ticket))
        else:
            self._later(self._part(self._there), lambda: self._arrive(attempt, ticket))

    def _part(self, share: float) -> float:
        return share * self._latency * (1 + self._jitter * (2 * self._random.random() - 1))

    def _arrive(self, attempt: int, ticket: Ticket) -> None:
        accepted = self._allowance.takes(self.now)
        self._later(
            self._part(1 - self._there), lambda: self._answer(attempt, ticket, accepted=accepted)
        )

    def _answer(self, attempt: int, ticket: Ticket, *, accepted: bool) -> None:
        self._places -= 1
        if accepted:
            self._allowance.in_flight -= 1
            self.good += 1
            self._governor.leave(ticket, self.now, good=True, throttled=False)
            self._ask(1)
        else:
            self.refused += 1
            if self._retry_after is not None:
                self._governor.hold(self.now, self._retry_after)
            self._governor.leave(ticket, self.now, good=False, throttled=True)
            self._repeat(attempt)
        self._admit()

    def _repeat(self, attempt: int) -> None:
        failure = Failure("status", "busy", 429, self._retry_after)
        draw = self._random.random()
        policy = Policy(tries=1000)
        wait = seconds_to_wait(min(attempt, 8), failure, elapsed=0.0, draw=draw, policy=policy)
        assert wait is not None
        self._later(wait, lambda: self._ask(attempt + 1))
