"""The same program three ways: its folder ingested, its folder uploaded, and logged online."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.conftest import content
from wbexport.ingest.engine import ingest
from wbexport.store.database import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("run_id", ["rich", "second"])
@pytest.mark.parametrize("way", ["synced", "online"])
def test_ingesting_gives_what_a_server_would_have(
    logged: Path, served: dict[str, Path], target: Store, way: str, run_id: str
) -> None:
    report = ingest(logged, target)
    assert (report.status, report.actions) == ("ok", {"new": 2})
    mine = content(target, run_id)
    with Store.open_reader(served[way]) as store:
        theirs = content(store, run_id)
    assert {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]} == {}


def test_folders_of_one_run_become_one_run_as_the_sdk_uploads_them(
    logged_twice: Path, served: dict[str, Path], target: Store
) -> None:
    report = ingest(logged_twice, target)
    assert (report.runs, report.rows, report.actions) == (1, 7, {"new": 1})
    mine = content(target, "twice")
    with Store.open_reader(served["synced"]) as store:
        theirs = content(store, "twice")
    # The SDK uploads the summary of the last process alone; here nothing of the first is lost.
    assert mine.pop("summary") == theirs.pop("summary") | {"w0": "2"}
    # It keeps the environment of the last process alone, too.
    for each in (mine, theirs):
        each["environment"] = each["environment"][-1:]
    assert {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]} == {}
