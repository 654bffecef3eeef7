"""How many requests run at once, and how many begin each second."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.governed import Allowance, Simulation
from wbexport.transport.governor import Governor, Ticket

_WARM_UP = 120.0
_WATCHED = 60.0

ASKED = pytest.mark.parametrize("retry_after", [None, 1.0], ids=["plain", "retry-after"])
JITTER = pytest.mark.parametrize("jitter", [0.0, 0.5], ids=["steady", "jittered"])
COUNTED = pytest.mark.parametrize("counted", ["bucket", "sliding", "fixed"])
LATENCY = pytest.mark.parametrize("latency", [0.05, 0.2])


def _begin(governor: Governor, now: float) -> Ticket:
    ticket = governor.enter()
    assert governor.seconds_to_begin(ticket, now, 0.0) == 0.0
    return ticket


@given(st.lists(st.sampled_from(["good", "bad", "throttled"]), max_size=400))
def test_the_limit_stays_between_one_and_the_most(answers: list[str]) -> None:
    governor = Governor(most=16)
    now = 0.0
    for answer in answers:
        tickets = [governor.enter() for _ in range(governor.limit)]
        for ticket in tickets:
            now += governor.seconds_to_begin(ticket, now, 0.0)
            governor.seconds_to_begin(ticket, now, 0.0)
        now += 0.5
        for ticket in reversed(tickets):
            good, throttled = answer == "good", answer == "throttled"
            governor.leave(ticket, now, good=good, throttled=throttled)
        assert 1 <= governor.limit <= 16


def test_a_refusal_lowers_the_limit_below_what_was_refused() -> None:
    governor = Governor(start=8, most=8)
    tickets = [_begin(governor, 0.0) for _ in range(8)]
    for number, ticket in enumerate(tickets):
        governor.leave(ticket, 0.1, good=number < 3, throttled=number >= 3)
    assert governor.limit == 3


def test_each_good_answer_at_the_limit_raises_it_until_one_is_refused() -> None:
    governor = Governor(start=2)
    other = _begin(governor, 0.0)
    governor.leave(_begin(governor, 0.0), 0.1, good=True, throttled=False)
    assert governor.limit == 3
    another = _begin(governor, 0.1)
    governor.leave(_begin(governor, 0.1), 0.2, good=True, throttled=False)
    assert governor.limit == 4
    last = _begin(governor, 0.2), _begin(governor, 0.2)
    governor.leave(last[1], 0.3, good=False, throttled=True)
    assert governor.limit == 3
    for ticket in (other, another, last[0]):
        governor.leave(ticket, 0.3, good=True, throttled=False)
    assert governor.limit == 3


def test_no_more_than_the_limit_run_at_once() -> None:
    governor = Governor(start=3, most=3)
    running, seen, lock = 0, [], threading.Lock()

    def work() -> None:
        nonlocal running
        ticket = _begin(governor, 0.0)
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
    assert governor.seconds_to_begin(governor.enter(), 15.0, 0.0) == 5.0
    assert governor.seconds_to_begin(governor.enter(), 25.0, 0.0) == 0.0


def test_a_hold_is_seen_by_who_waited_for_a_place_or_a_turn_before_it() -> None:
    governor = Governor(start=1, most=1)
    first = _begin(governor, 0.0)
    waited: list[float] = []
    thread = threading.Thread(
        target=lambda: waited.append(governor.seconds_to_begin(governor.enter(), 1.0, 0.0))
    )
    thread.start()
    governor.hold(1.0, 5.0)
    governor.leave(first, 1.0, good=False, throttled=True)
    thread.join()
    assert waited == [5.0]
    governor = Governor()
    governor.hold(0.0, 2.0)
    ticket = governor.enter()
    assert governor.seconds_to_begin(ticket, 0.0, 0.0) == 2.0
    governor.hold(1.0, 3.0)
    assert governor.seconds_to_begin(ticket, 2.0, 0.0) == 2.0


def test_a_place_that_was_not_used_is_given_back() -> None:
    governor = Governor(start=1, most=1)
    governor.leave(governor.enter(), 0.0, good=False, throttled=False)
    assert _begin(governor, 0.0).running == 1


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
@COUNTED
@pytest.mark.parametrize("allowed", [20, 100])
def test_as_many_begin_each_second_as_the_server_bears(
    allowed: int, counted: str, latency: float, jitter: float, retry_after: float | None
) -> None:
    simulation = Simulation(
        Governor(),
        Allowance(rate=allowed, counted=counted),
        latency=latency,
        jitter=jitter,
        retry_after=retry_after,
    )
    simulation.run(_WARM_UP)
    rate, refused = simulation.run(_WATCHED)
    assert rate >= 0.9 * allowed
    assert refused < 0.02


@JITTER
@COUNTED
@pytest.mark.parametrize("allowed", [20, 100])
def test_the_rate_is_found_soon(allowed: int, counted: str, jitter: float) -> None:
    simulation = Simulation(Governor(), Allowance(rate=allowed, counted=counted), jitter=jitter)
    simulation.run(10.0)
    rate, refused = simulation.run(10.0)
    assert rate >= 0.8 * allowed
    assert refused < 0.05


@ASKED
@pytest.mark.parametrize("allowed", [20, 100])
def test_the_rate_of_a_longer_window_is_found(allowed: int, retry_after: float | None) -> None:
    allowance = Allowance(rate=allowed, counted="sliding", seconds=5.0)
    simulation = Simulation(Governor(), allowance, retry_after=retry_after)
    simulation.run(_WARM_UP)
    rate, refused = simulation.run(_WATCHED)
    assert rate >= 0.8 * allowed
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
    assert rate >= 0.85 * after / 0.05
    assert refused < 0.02


@pytest.mark.parametrize(("before", "after"), [(100, 20), (20, 100)])
def test_another_rate_is_found(before: int, after: int) -> None:
    allowance = Allowance(rate=before, counted="sliding")
    simulation = Simulation(Governor(), allowance)
    simulation.run(60.0)
    allowance.rate = after
    simulation.run(120.0)
    rate, refused = simulation.run(60.0)
    assert rate >= 0.9 * after
    assert refused < 0.02


def test_one_stray_refusal_of_a_server_that_bears_more_changes_nothing() -> None:
    governor = Governor()
    for number in range(400):
        stray = number % 200 == 100
        ticket = _begin(governor, number)
        governor.leave(ticket, number + 0.5, good=not stray, throttled=stray)
    assert governor.limit == 8
