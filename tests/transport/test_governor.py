"""How many requests run at once."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from wbexport.transport.governor import Governor


@given(st.lists(st.sampled_from(["good", "bad", "throttled"]), max_size=400))
def test_the_limit_stays_between_one_and_the_most(answers: list[str]) -> None:
    governor = Governor()
    for answer in answers:
        before = governor.limit
        governor.leave(governor.enter(), good=answer == "good", throttled=answer == "throttled")
        assert 1 <= governor.limit <= 16
        assert governor.limit <= before + 1
        if answer == "throttled":
            assert governor.limit <= max(1, (before + 1) / 2)


def test_requests_that_were_throttled_together_halve_the_limit_once() -> None:
    governor = Governor(start=8)
    tickets = [governor.enter() for _ in range(8)]
    for ticket in tickets:
        governor.leave(ticket, good=False, throttled=True)
    assert governor.limit == 4


def test_a_round_of_good_answers_raises_the_limit_by_one() -> None:
    governor = Governor(start=4)
    for _ in range(5):
        governor.leave(governor.enter(), good=True, throttled=False)
    assert governor.limit == 5


def test_no_more_than_the_limit_run_at_once() -> None:
    governor = Governor(start=3, most=3)
    running, seen, lock = 0, [], threading.Lock()

    def work() -> None:
        nonlocal running
        ticket = governor.enter()
        with lock:
            running += 1
            seen.append(running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1
        governor.leave(ticket, good=True, throttled=False)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) == 3


def test_the_longest_hold_counts() -> None:
    governor = Governor()
    governor.hold_until(20.0)
    governor.hold_until(10.0)
    assert governor.seconds_held(15.0) == 5.0
    assert governor.seconds_held(25.0) == 0.0
