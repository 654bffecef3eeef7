"""Sweeps and reports are written over, found, listed newest first, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wbexport.store.reports import ReportRow, delete_report, read_reports, upsert_report
from wbexport.store.sweeps import SweepRow, count_sweeps, read_sweeps, upsert_sweep

if TYPE_CHECKING:
    from wbexport.store.database import Store

NOW = datetime(2026, 1, 1)
SWEEP = SweepRow(
    1, "s1", "abc", "Title", "Text", "grid", "PENDING", "method: grid", 0.5, 3, 4, '{"a":1}',
    '{"b":[2]}', NOW, NOW, NOW,
)  # fmt: skip
REPORT = ReportRow(
    1, "v1", "name", "runs", '{"blocks":[]}', "Title", "Text", "ada", "a@b", "http://p", NOW, NOW
)


def test_a_sweep_comes_back_as_it_was_written_last(store: Store) -> None:
    later = replace(SWEEP, state="RUNNING", best_loss=None)
    with store.transaction() as cursor:
        upsert_sweep(cursor, SWEEP)
        assert read_sweeps(cursor, sweep_id="abc") == [SWEEP]
        upsert_sweep(cursor, later)
    assert read_sweeps(store.cursor(), storage_id="s1") == [later]


def test_sweeps_are_listed_by_project_and_page_the_newest_first(store: Store) -> None:
    rows = [
        replace(SWEEP, storage_id=f"s{n}", sweep_id=f"x{n}", created_at=NOW + timedelta(n // 2))
        for n in range(4)
    ]
    with store.transaction() as cursor:
        for row in [*rows, replace(SWEEP, project_no=2)]:
            upsert_sweep(cursor, row)
        # Written again, it keeps its place among those of the same moment.
        upsert_sweep(cursor, rows[2])
    cursor = store.cursor()
    assert [row.sweep_id for row in read_sweeps(cursor, project_no=1)] == ["x3", "x2", "x1", "x0"]
    assert [row.sweep_id for row in read_sweeps(cursor, project_no=1, limit=2, offset=1)] == [
        "x2",
        "x1",
    ]
    assert (count_sweeps(cursor, 1), count_sweeps(cursor, 3)) == (4, 0)


def test_a_report_comes_back_until_it_is_forgotten(store: Store) -> None:
    later = replace(REPORT, spec="{}", updated_at=NOW + timedelta(1))
    other = replace(REPORT, storage_id="v2", view_type="runs/draft", name="other")
    with store.transaction() as cursor:
        for row in (REPORT, other, later):
            upsert_report(cursor, row)
        assert read_reports(cursor, project_no=1) == [later, other]
        assert read_reports(cursor, view_type="runs", name="other") == []
        assert read_reports(cursor, name="other") == [other]
        delete_report(cursor, 1, "v1")
    assert read_reports(store.cursor(), storage_id="v1") == []
