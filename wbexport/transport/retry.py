"""Decides, without doing anything, whether and when a failed attempt is made again."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FIRST_CONTACT",
    "MAX_WAIT",
    "AttemptError",
    "Failure",
    "Policy",
    "RetryBudget",
    "pause_seconds",
    "retry_after_seconds",
    "seconds_to_wait",
]

MAX_WAIT = 300.0
"""The longest wait a server can ask for; what it asks beyond is cut to this."""

_NEVER_RETRIED = frozenset({400, 401, 403, 404, 409, 410, 413, 422, 501})
_EPOCH_LIKE = 1e8


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt gave nothing usable.

    Args:
        kind: `connect`: nothing was sent. `transport`: broke while sending or receiving. `body`:
            received, but cut or damaged. `status`: an HTTP status that is no answer.
            `certificate`: not to be trusted. `final`: no use in asking again.
        detail: What happened, in words, without a URL's query and without secrets.
        status: The HTTP status, when there was one.
        retry_after: Seconds the server asked to wait.
    """

    kind: Literal["connect", "transport", "body", "status", "certificate", "final"]
    detail: str
    status: int | None = None
    retry_after: float | None = None


class AttemptError(Exception):
    """Carries a failure out of an attempt; never leaves this room."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to go on: both limits hold.

    Args:
        tries: Attempts in all.
        deadline: Seconds from the first attempt after which no other is begun.
        first_wait: Upper bound of the first wait; it doubles with every attempt.
        longest_wait: Upper bound of any wait the server did not ask for.
    """

    tries: int = 8
    deadline: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


FIRST_CONTACT = Policy(tries=3, deadline=8.0)
"""While the server has never answered, it is more likely to be wrong than to be busy."""


def seconds_to_wait(
    attempt: int,
    failure: Failure,
    *,
    elapsed: float,
    draw: float,
    policy: Policy,
    idempotent: bool = True,
) -> float | None:
    """Say how long to wait before the next attempt, or None to stop.

    Args:
        attempt: Number of attempts made so far, from 1.
        failure: What the last one ended with.
        elapsed: Seconds since the first attempt began.
        draw: A random number from 0 to 1, so that many clients do not come back together.
        policy: The limits.
        idempotent: Whether sending twice is harmless. If not, only failures that happened before
            anything was sent are repeated.

    Returns:
        Seconds, or None.

    Example:
        >>> busy = Failure("status", "busy", status=503)
        >>> seconds_to_wait(3, busy, elapsed=2.0, draw=0.5, policy=Policy())
        2.0
    """
    if not _may_repeat(failure, idempotent) or attempt >= policy.tries:
        return None
    if failure.retry_after is not None:
        wait = failure.retry_after + draw * min(1.0, failure.retry_after / 20)
    else:
        wait = draw * min(policy.longest_wait, policy.first_wait * 2.0 ** (attempt - 1))
    return wait if elapsed + wait < policy.deadline else None


def _may_repeat(failure: Failure, idempotent: bool) -> bool:
    if failure.kind == "status" and failure.status in _NEVER_RETRIED:
        return False
    if failure.kind in ("certificate", "final"):
        return False
    return idempotent or failure.kind == "connect"


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Read `Retry-After`: a number of seconds or a date.

    A date is compared with the answer's own `Date`, so that a wrong local clock does no harm.

    Returns:
        Seconds from 0 to `MAX_WAIT`, or None when there is nothing sensible to read.
    """
    text = headers.get("Retry-After", "").strip()
    seconds = _number(text)
    if text and seconds is None and (moment := _moment(text)) is not None:
        seconds = max(0.0, moment - _server_time(headers, now))
    return None if seconds is None or seconds < 0 else min(seconds, MAX_WAIT)


def pause_seconds(headers: Mapping[str, str], now: float) -> float:
    """Read `RateLimit-Remaining` and `RateLimit-Reset`: how long the allowance is used up."""
    for prefix in ("", "X-"):
        remaining = _number(headers.get(f"{prefix}RateLimit-Remaining", ""))
        if remaining is None or remaining >= 1:
            continue
        reset = _number(headers.get(f"{prefix}RateLimit-Reset", ""))
        if reset is not None:
            seconds = reset - _server_time(headers, now) if reset > _EPOCH_LIKE else reset
            return min(max(seconds, 0.0), MAX_WAIT)
    return 0.0


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _server_time(headers: Mapping[str, str], now: float) -> float:
    moment = _moment(headers.get("Date", ""))
    return now if moment is None else moment


class RetryBudget:
    """Retries that all requests of a session share, so that an outage is not made worse.

    A retry takes one token. A request that succeeds in the end gives back what it took and one
    more. While some requests succeed the budget lasts; when none does, it runs dry.

    Args:
        capacity: Tokens at the start, and at most.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._tokens = capacity
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Take a token; False when there is none left."""
        with self._lock:
            if self._tokens == 0:
                return False
            self._tokens -= 1
            return True

    def refund(self, spent: int) -> None:
        """Give back the tokens of a request that succeeded, and one more."""
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + spent + 1)
