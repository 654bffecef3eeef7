"""Files and console lines of a run come back as they were written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from wbexport.store import ledger
from wbexport.store.attachments import delete_files, read_console, read_files
from wbexport.store.writer import (
    ProjectRow,
    upsert_project,
    upsert_runs,
    write_console,
    write_files,
)

if TYPE_CHECKING:
    from wbexport.store.database import Store

NAMES = ["a.txt", "media/b.json", "media/c%.json"]
NOON = datetime(2026, 1, 2, 12)


@pytest.fixture
def filled(store: Store) -> Store:
    with store.transaction() as cur:
        count = len(NAMES)
        listed = {"name": NAMES, "storage_id": NAMES, "uploaded": [True] * count}
        write_files(cur, pa.table(listed | {"run_no": pa.array([1] * count, pa.int32())}))
        write_files(cur, pa.table({"run_no": [1], "name": ["later.txt"], "uploaded": [False]}))
        write_console(cur, 1, pa.table({"number": range(5), "line": [str(n) for n in range(5)]}))
    return store


def test_uploaded_files_are_listed_by_name(filled: Store) -> None:
    cur = filled.cursor()
    assert read_files(cur, 1)["name"].to_pylist() == NAMES
    assert read_files(cur, 1, names=["a.txt", "x"])["name"].to_pylist() == ["a.txt"]
    assert read_files(cur, 1, pattern="media/%")["name"].to_pylist() == NAMES[1:]
    assert read_files(cur, 2).num_rows == 0


def test_deleted_files_are_gone_and_no_others(filled: Store) -> None:
    with filled.transaction() as cur:
        delete_files(cur, NAMES[1:])
    assert read_files(filled.cursor(), 1)["name"].to_pylist() == NAMES[:1]


def test_console_lines_are_read_from_a_number_on(filled: Store) -> None:
    cur = filled.cursor()
    assert read_console(cur, 1)["line"].to_pylist() == list("01234")
    assert read_console(cur, 1, start=1, limit=2)["number"].to_pylist() == [1, 2]


@pytest.mark.parametrize("status", ["live", "complete"])
def test_only_silent_runs_that_log_here_crash(store: Store, status: str) -> None:
    run = {"storage_id": ["s"], "run_id": ["r"], "state": ["running"], "heartbeat_at": [NOON]}
    with store.transaction() as cur:
        project_no = upsert_project(cur, ProjectRow("o", "p", "team", "demo"))
        upsert_runs(cur, project_no, pa.table(run | {"status": [status]}))
        assert not ledger.has_silent_runs(cur, NOON)
        since = NOON + timedelta(seconds=1)
        assert ledger.has_silent_runs(cur, since) == (status == "live")
        ledger.mark_crashed(cur, since)
    found = store.cursor().execute("select state from stored.runs").fetchone()
    assert found == ("crashed" if status == "live" else "running",)
