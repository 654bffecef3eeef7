"""The real SDK and this client read the same server: same values, types and order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.sdk_scripts import LOG, READ
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]

SDK = "import wandb; api = wandb.Api()"
OURS = "import wbexport.api; api = wbexport.api.Api()"

POLICIES = {
    "live": ExportPolicy(enabled=False),
    "exported": ExportPolicy(),
    "overlapping": ExportPolicy(live_rows=10, overlap_rows=3, rows_per_file=25),
}


@pytest.fixture(scope="module")
def logged(server: LocalServer, log_run: LogRun) -> LocalServer:
    log_run(LOG)
    return server


@pytest.fixture(
    scope="module", params=["live", "overlapping", pytest.param("exported", marks=pytest.mark.slow)]
)
def answers(
    request: pytest.FixtureRequest, logged: LocalServer, log_run: LogRun
) -> tuple[Answer, Answer]:
    policy = POLICIES[request.param]
    with LocalServer(logged.store, exports=policy) as server:
        place = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.token}
        cache = {"WANDB_CACHE_DIR": f"cache-{request.param}"}
        theirs = log_run(READ.format(api=SDK), **place, **cache)
        ours = log_run(READ.format(api=OURS), **place)
    for run in [*theirs["runs"].values(), theirs["alone"], theirs["path"]]:
        for scan in ("scan", "part", "keys"):
            run[scan] = as_logged(run[scan])
    return theirs, ours


def as_logged(rows: list[Answer]) -> list[Answer]:
    """What the SDK read, without its two known faults over exported files.

    It gives keys that were not logged as None, and a step that is both exported and live twice.
    """
    by_step = {row["_step"]: row for row in rows}
    return [{k: v for k, v in row.items() if v is not None} for row in by_step.values()]


def written(value: Any) -> str:
    """Rows as text: NaN equals itself, 1 is not 1.0, the order of keys does not count."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("run_id", ["dense", "plain", "odd", "empty"])
def test_every_field_of_a_run_is_the_same(answers: tuple[Answer, Answer], run_id: str) -> None:
    theirs, ours = (answer["runs"][run_id] for answer in answers)
    for field in theirs:
        assert (field, written(ours[field])) == (field, written(theirs[field]))


def test_everything_else_is_the_same(answers: tuple[Answer, Answer]) -> None:
    theirs, ours = answers
    for part in theirs.keys() - {"runs"}:
        assert (part, written(ours[part])) == (part, written(theirs[part]))


def test_the_answers_are_not_empty(answers: tuple[Answer, Answer]) -> None:
    _, ours = answers
    assert len(ours["runs"]["dense"]["scan"]) == 120
    assert ours["where or"] == ["dense", "plain"]
    assert ours["saved"] == ["saved text", "notes.txt"]
    assert len(ours["all histories"]["rows"]) > 40
