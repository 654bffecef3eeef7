"""The report and the progress bar."""

from __future__ import annotations

import io

import pytest

from wbexport.errors import SyncError
from wbexport.sync.progress import Bar, Silence, choose_progress
from wbexport.sync.report import SyncReport

PARTIAL = SyncReport(
    path="e/<p>",
    store="wb.duckdb",
    status="partial",
    runs=3,
    actions={"new": 2, "unchanged": 1},
    rows=1234567,
    failures={"e/<p>/r1": '<script>"x"'},
    incomplete={"e/<p>/r2": "rows: 9 instead of 10"},
)


def test_a_report_names_every_figure_and_every_failure():
    text = repr(PARTIAL)
    assert "1,234,567" in text
    assert "2 new, 1 unchanged" in text
    assert 'e/<p>/r1: <script>"x"' in text


def test_a_report_in_a_notebook_holds_no_markup_of_the_server():
    html = PARTIAL._repr_html_()
    assert "<script>" not in html
    assert "<p>" not in html


def test_a_partial_report_raises_with_all_that_is_wrong():
    with pytest.raises(SyncError, match="2 runs or artifacts of") as caught:
        PARTIAL.raise_for_failures()
    assert caught.value.failures == {**PARTIAL.incomplete, **PARTIAL.failures}


def test_a_whole_report_does_not_raise_and_tells_whether_anything_changed():
    report = SyncReport("e/p", "wb.duckdb", "ok", 1, {"unchanged": 1})
    report.raise_for_failures()
    assert not report.changed
    assert PARTIAL.changed


def test_a_bar_shows_runs_rows_and_megabytes():
    stream = io.StringIO()
    bar = Bar("e/p", stream)
    bar.start(10)
    bar.update(4, 5000, 2_500_000)
    bar.close()
    assert "5,000 rows, 2.5 MB" in stream.getvalue()
    assert "4/10" in stream.getvalue()


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]):
    progress = choose_progress(True, "e/p")
    progress.start(1)
    progress.update(1, 1, 1)
    progress.close()
    assert isinstance(progress, Silence)
    assert capsys.readouterr() == ("", "")


def test_a_caller_may_bring_a_progress_of_their_own():
    mine = Silence()
    assert choose_progress(mine, "e/p") is mine
