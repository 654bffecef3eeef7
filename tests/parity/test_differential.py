"""Every call gives the same through the real SDK and through wbexport, and leaves the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.calls import DELIBERATE, ERRORS, READS, UNEVEN, WRITES
from tests.parity.differential import answers_of
from tests.parity.surface import MEMBERS

if TYPE_CHECKING:
    from pathlib import Path


#: What the errors that the reference names are here.
KINDS = {
    "ValueError": "ValueError",
    "wandb.Error": "WbexportError",
    "UnsupportedError": "UnsupportedError",
}


@dataclass(frozen=True)
class Call:
    """A call of a member, as each side spells it.

    Attributes:
        stage: What it is for: `read`, `error`, `write`, or reading again `after` all writes.
        member: The member.
        ours: How wbexport is called.
        theirs: How the SDK is called.
    """

    stage: str
    member: str
    ours: str
    theirs: str


def stage(name: str, table: dict[str, tuple[str, ...]]) -> list[Call]:
    return [Call(name, member, line, line) for member, lines in table.items() for line in lines]


CALLS = [
    *stage("read", READS),
    *(Call("read", member, *lines) for member, lines in UNEVEN.items()),
    *stage("error", ERRORS),
    *stage("write", WRITES),
    *stage("after", {member: lines[:1] for member, lines in READS.items()}),
]


@pytest.fixture(scope="module")
def answers(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Call, tuple[Any, Any]]:
    """What the SDK and what wbexport answered to each call."""
    lines = {"wandb": [c.theirs for c in CALLS], "wbexport": [c.ours for c in CALLS]}
    places = {package: tmp_path_factory.mktemp(package) for package in lines}
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda name: answers_of(name, lines[name], filled, places[name]), lines)
    return dict(zip(CALLS, zip(*made, strict=True), strict=True))


def written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def differences(answers: dict[Call, tuple[Any, Any]], stage: str) -> list[str]:
    """The calls whose answers differ, or are errors, or are the same against expectation."""
    found = []
    for call, (theirs, ours) in answers.items():
        same = "error" not in theirs and written(theirs) == written(ours)
        # When something was changed is each server's own affair.
        if call.stage == "after" and call.member.endswith(".updated_at"):
            continue
        if call.stage == stage and same == (call.ours in DELIBERATE):
            lines = (f"{call.member}: {call.ours}", written(theirs)[:500], written(ours)[:500])
            found.append("\n  ".join(lines))
    return found


@pytest.mark.parametrize("stage", ["read", "write", "after"])
def test_both_give_the_same(answers: dict[Call, tuple[Any, Any]], stage: str) -> None:
    count = sum(call.stage == stage for call in answers)
    print(f"{count} calls compared: {stage}")
    assert differences(answers, stage) == []


def test_documented_failures_are_errors_in_both(answers: dict[Call, tuple[Any, Any]]) -> None:
    silent = {
        call.ours: both
        for call, both in answers.items()
        if call.stage == "error" and not all("error" in each for each in both)
    }
    assert silent == {}


@pytest.mark.parametrize(
    "member", [name for name in ERRORS if name in MEMBERS and MEMBERS[name].raises]
)
def test_a_documented_failure_is_of_a_documented_kind(
    answers: dict[Call, tuple[Any, Any]], member: str
) -> None:
    documented = {KINDS[kind] for kind in MEMBERS[member].raises}
    for call, (_, ours) in answers.items():
        if (call.stage, call.member) == ("error", member):
            assert documented & set(ours["kinds"]), (call.ours, ours)


def test_deliberate_differences_are_of_calls_that_are_made() -> None:
    assert DELIBERATE.keys() <= {call.ours for call in CALLS}
