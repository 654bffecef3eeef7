"""The real SDK and this client see and leave the same automations, charts and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.automations.scripts import CHANGE, LAUNCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.automations.conftest import Sides


@pytest.fixture(scope="module")
def changed(run_both: Callable[[str], Sides]) -> Sides:
    return run_both(CHANGE)


@pytest.fixture(scope="module")
def launched(run_both: Callable[[str], Sides]) -> Sides:
    return run_both(LAUNCH)


def test_both_see_the_same_automations(changed: Sides) -> None:
    theirs, ours = (seen for seen, _ in changed.values())
    for name in theirs:
        assert (name, ours[name]) == (name, theirs[name])


def test_both_leave_the_same_automations(changed: Sides) -> None:
    theirs, ours = (kept for _, kept in changed.values())
    assert ours == theirs
    assert len([kind for kind, *_ in ours if kind == "trigger"]) == 13


def test_wrong_automations_are_errors_in_both(changed: Sides) -> None:
    _, ours = (seen for seen, _ in changed.values())
    wrong = {name for name, value in ours.items() if value == "error"}
    assert wrong == {
        "chart for some",
        "chart of nobody",
        "deleted twice",
        "empty prompt",
        "long prompt",
        "no integration",
        "no name",
        "none",
        "of no entity",
        "renamed to a taken name",
        "taken",
        "taken chart",
        "unknown part",
        "updated when gone",
        "wrong integration",
        "wrong scope of artifacts",
        "wrong scope of runs",
    }


def test_both_see_the_same_queues(launched: Sides) -> None:
    theirs, ours = (seen for seen, _ in launched.values())
    for name in theirs:
        assert (name, ours[name]) == (name, theirs[name])


def test_both_leave_the_same_queues(launched: Sides) -> None:
    theirs, ours = (kept for _, kept in launched.values())
    assert ours == theirs
