"""Whether and when to try again, as a pure function."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbexport.transport.retry import (
    MAX_WAIT,
    Failure,
    Policy,
    RetryBudget,
    pause_seconds,
    retry_after_seconds,
    seconds_to_wait,
)

NOW = 1_800_000_000.0
NEVER = {400, 401, 403, 404, 409, 410, 413, 422, 501}
KINDS = ["connect", "transport", "body", "status", "certificate", "final"]
failures = st.builds(
    Failure,
    kind=st.sampled_from(KINDS),
    detail=st.just(""),
    status=st.none() | st.integers(100, 599),
    retry_after=st.none() | st.floats(0, MAX_WAIT),
)


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize("status", range(400, 600))
@pytest.mark.parametrize("idempotent", [True, False])
def test_a_status_is_repeated_unless_it_is_permanent(status: int, idempotent: bool) -> None:
    wait = seconds_to_wait(
        1,
        Failure("status", "", status),
        elapsed=0,
        draw=0.5,
        policy=Policy(),
        idempotent=idempotent,
    )
    assert (wait is not None) == (idempotent and status not in NEVER)


@given(failures, st.integers(1, 20), st.floats(0, 1000), st.floats(0, 1), st.booleans())
def test_both_limits_hold_and_no_wait_is_endless(
    failure: Failure, attempt: int, elapsed: float, draw: float, idempotent: bool
) -> None:
    policy = Policy()
    wait = seconds_to_wait(
        attempt, failure, elapsed=elapsed, draw=draw, policy=policy, idempotent=idempotent
    )
    if wait is not None:
        assert attempt < policy.tries
        assert elapsed + wait < policy.deadline
        assert (failure.retry_after or 0) <= wait <= MAX_WAIT + 1
        assert failure.kind == "connect" or (idempotent and failure.kind not in KINDS[-2:])


@given(st.integers(1, 7), st.floats(0, 1))
def test_waits_are_drawn_from_a_range_that_doubles(attempt: int, draw: float) -> None:
    wait = seconds_to_wait(
        attempt, Failure("status", "", 500), elapsed=0, draw=draw, policy=Policy()
    )
    assert wait == draw * min(60, 2 ** (attempt - 1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        ("1.5", 1.5),
        (" 7 ", 7),
        ("1e9", MAX_WAIT),
        ("inf", MAX_WAIT),
        ("-5", None),
        ("NaN", None),
        ("soon", None),
        ("", None),
        (date(30), 30),
        (date(-30), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_WAIT),
        ("Sat, 00 Jan 0000 00:00:00 GMT", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sun Nov  6 08:49:37 1994", 0),
    ],
)
def test_every_form_of_retry_after_is_read_or_left_alone(text: str, seconds: float | None) -> None:
    assert retry_after_seconds({"Retry-After": text, "Date": date(0)}, NOW) == seconds


@pytest.mark.parametrize("skew", [-86_400, 0, 86_400])
def test_a_date_is_meant_by_the_servers_clock(skew: float) -> None:
    headers = {"Retry-After": date(60), "Date": date(0)}
    assert retry_after_seconds(headers, NOW + skew) == 60


@given(st.text(max_size=40))
def test_no_header_text_breaks_the_reader(text: str) -> None:
    seconds = retry_after_seconds({"Retry-After": text, "Date": text}, NOW)
    assert seconds is None or 0 <= seconds <= MAX_WAIT
    pause = pause_seconds({"RateLimit-Remaining": text, "RateLimit-Reset": text}, NOW)
    assert 0 <= pause <= MAX_WAIT


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [("0", "9", 9), ("1", "9", 0), ("0", str(NOW + 5), 5), ("0", "-3", 0), ("0", "1e6", 300)],
)
@pytest.mark.parametrize("prefix", ["", "X-"])
def test_an_allowance_is_read_in_both_spellings(
    prefix: str, remaining: str, reset: str, seconds: float
) -> None:
    headers = {f"{prefix}RateLimit-Remaining": remaining, f"{prefix}RateLimit-Reset": reset}
    assert pause_seconds(headers, NOW) == seconds


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 20))
def test_a_budget_never_grants_more_than_capacity_without_success(
    successes: list[bool], capacity: int
) -> None:
    budget = RetryBudget(capacity)
    granted = 0
    for success in successes:
        if success:
            budget.refund(granted)
            granted = 0
        else:
            granted += budget.spend()
        assert granted <= capacity
