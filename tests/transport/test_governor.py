"""How many requests run at once, and how many begin each second."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.governed import Allowance, Simulation
from wbexport.transport.governor import Governor

_WARM_UP = 120.0
_WATCHED = 60.0

ASKED = pytest.mark.parametrize("retry_after", [None, 1.0], ids=["plain", "retry-after"])
JITTER = pytest.mark.parametrize("jitter", [0.0, 0.5], ids=["steady", "jittered"])
LATENCY = pytest.mark.parametrize("latency", [0.05, 0.2])


@given(st.lists(st.sampled_from(["good", "bad", "throttled"]), max_size=400))
def test_the_limit_stays_between_one_and_the_most(answers: list[str]) -> None:
    governor = Governor(most=16)
    for moment, answer in enumerate(answers):
        before = governor.limit
        tickets = [governor.enter(moment) for _ in range(before)]
        for ticket in reversed(tickets):
            good, throttled = answer == "good", answer == "throttled"
            governor.leave(ticket, moment + 0.5, good=good, throttled=throttled)
        assert 1 <= governor.limit <= 16


def test_a_refusal_lowers_the_limit_below_what_was_refused() -> None:
    governor = Governor(start=8)
    tickets = [governor.enter(0.0) for _ in range(8)]
    for number, ticket in enumerate(tickets):
        governor.leave(ticket, 0.1, good=number < 3, throttled=number >= 3)
    assert governor.limit == 3


def test_a_round_of_good_answers_at_the_limit_raises_it_by_one() -> None:
    governor = Governor(start=4)
    others = [governor.enter(0.0) for _ in range(3)]
    for _ in range(4):
        governor.leave(governor.enter(0.0), 0.1, good=True, throttled=False)
    assert governor.limit == 5
    for ticket in others:
        governor.leave(ticket, 0.1, good=True, throttled=False)
    assert governor.limit == 5


def test_no_more_than_the_limit_run_at_once() -> None:
    governor = Governor(start=3, most=3)
    running, seen, lock = 0, [], threading.Lock()

    def work() -> None:
        nonlocal running
        ticket = governor.enter(0.0)
        with lock:
            running += 1
            seen.append(running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1
        governor.leave(ticket, 0.0, good=True, throttled=False)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) == 3


def test_the_longest_hold_counts() -> None:
    governor = Governor()
    governor.hold(10.0, 10.0)
    governor.hold(10.0, 5.0)
    assert governor.seconds_to(governor.book_turn(15.0), 15.0, 0.0) == 5.0
    assert governor.seconds_to(governor.book_turn(25.0), 25.0, 0.0) == 0.0


@ASKED
@JITTER
@LATENCY
@pytest.mark.parametrize("at_once", [4, 8, 32])
def test_as_many_run_at_once_as_the_server_bears(
    at_once: int, latency: float, jitter: float, retry_after: float | None
) -> None:
    simulation = Simulation(
        Governor(),
        Allowance(at_once=at_once),
        latency=latency,
        jitter=jitter,
        retry_after=retry_after,
    )
    simulation.run(_WARM_UP)
    rate, refused = simulation.run(_WATCHED)
    assert rate >= 0.9 * at_once / latency
    assert refused < 0.02


@ASKED
@JITTER
@LATENCY
@pytest.mark.parametrize("allowed", [20, 100])
def test_as_many_begin_each_second_as_the_server_bears(
    allowed: int, latency: float, jitter: float, retry_after: float | None
) -> None:
    simulation = Simulation(
        Governor(),
        Allowance(rate=allowed, burst=allowed),
        latency=latency,
        jitter=jitter,
        retry_after=retry_after,
    )
    simulation.run(_WARM_UP)
    rate, refused = simulation.run(_WATCHED)
    assert rate >= 0.9 * allowed
    assert refused < 0.02


@ASKED
@pytest.mark.parametrize(("before", "after", "seconds"), [(4, 32, 120.0), (32, 4, 60.0)])
def test_another_allowance_is_found(
    before: int, after: int, seconds: float, retry_after: float | None
) -> None:
    allowance = Allowance(at_once=before)
    simulation = Simulation(Governor(), allowance, retry_after=retry_after)
    simulation.run(60.0)
    allowance.at_once = after
    simulation.run(seconds)
    rate, refused = simulation.run(60.0)
    assert rate >= 0.9 * after / 0.05
    assert refused < 0.02


def test_one_stray_refusal_of_a_server_that_bears_more_changes_nothing() -> None:
    governor = Governor()
    for number in range(200):
        stray = number == 100
        governor.leave(governor.enter(number), number + 0.5, good=not stray, throttled=stray)
        assert governor.seconds_to(governor.book_turn(number + 0.5), number + 0.5, 0.0) == 0.0
    assert governor.limit == 8
