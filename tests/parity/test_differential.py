"""Every call gives the same through the real SDK and through wbexport, and leaves the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.calls import ERRORS, READS, WRITES
from tests.parity.differential import PACKAGES, answers_of

if TYPE_CHECKING:
    from pathlib import Path

    Answers = dict[str, dict[str, Any]]


def flat(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(member, call) for member, calls in table.items() for call in calls]


READING, FAILING, WRITING = flat(READS), flat(ERRORS), flat(WRITES)
#: What is read once more after everything was written.
AFTERWARDS = [*READING, *FAILING, *WRITING, *READING]


@pytest.fixture(scope="module")
def answers(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """Each call with its member and both answers, in order."""
    calls = [call for _, call in AFTERWARDS]
    places = {package: tmp_path_factory.mktemp(package) for package in PACKAGES}
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda each: answers_of(each, calls, filled, places[each]), PACKAGES)
    return [
        (*member_and_call, *both) for member_and_call, *both in zip(AFTERWARDS, *made, strict=True)
    ]


def written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def differences(answers: list[tuple[Any, ...]]) -> list[str]:
    return [
        f"{member}: {call}\n  wandb:    {written(theirs)}\n  wbexport: {written(ours)}"
        for member, call, theirs, ours in answers
        if "error" in theirs or written(theirs) != written(ours)
    ]


def test_every_read_gives_the_same(answers: list[tuple[Any, ...]]) -> None:
    reads = answers[: len(READING)]
    print(f"{len(reads)} reads compared")
    assert differences(reads) == []


def test_documented_failures_are_errors_in_both(answers: list[tuple[Any, ...]]) -> None:
    failures = answers[len(READING) : len(READING) + len(FAILING)]
    assert [each for each in failures if "error" not in each[2] or "error" not in each[3]] == []


def test_every_write_gives_the_same(answers: list[tuple[Any, ...]]) -> None:
    start = len(READING) + len(FAILING)
    writes = answers[start : start + len(WRITING)]
    print(f"{len(writes)} writes compared")
    assert differences(writes) == []


def test_after_all_writes_the_server_is_the_same(answers: list[tuple[Any, ...]]) -> None:
    assert differences(answers[-len(READING) :]) == []
