"""Console lines and exported history files of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from wbexport.api.console import ConsoleLogLine
from wbexport.api.filestream import FileStream
from wbexport.errors import IncompleteRunHistoryError, InputError, NotFoundError
from wbexport.server.exports import ExportPolicy, Exports

if TYPE_CHECKING:
    from pathlib import Path

    from wbexport.api.client import Api
    from wbexport.api.run import Run
    from wbexport.server.app import Application

LINES = [f"2026-01-01T00:00:{n:02}.500000 line {n}" for n in range(25)]
LINES[3] = "ERROR 2026-01-01T00:00:03 bad"
LINES[4] = "no time"


@pytest.fixture
def run(api: Api) -> Run:
    run = api.create_run(run_id="r1", project="vision", entity="team")
    body: dict[str, Any] = {"files": {"output.log": {"offset": 0, "content": LINES}}}
    api.client.session.post_json("/files/team/vision/r1/file_stream", body)
    return run


def test_console_lines_are_listed_page_by_page(api: Api, run: Run) -> None:
    before = api.client.session.stats.requests
    lines = list(run.console_logs(per_page=10))
    assert api.client.session.stats.requests == before + 3
    assert [line.number for line in lines] == list(range(25))
    noon = datetime(2026, 1, 1, 0, 0, 2, 500000, tzinfo=UTC)
    assert lines[2] == ConsoleLogLine(2, noon, "", "", "line 2")
    assert (lines[3].level, lines[3].content) == ("error", "bad")
    assert (lines[4].timestamp, lines[4].content) == (None, "no time")


def test_the_newest_lines_cost_one_request(api: Api, run: Run) -> None:
    before = api.client.session.stats.requests
    logs = run.console_logs(last=3)
    assert [line.number for line in logs] == [22, 23, 24]
    assert [line.content for line in logs] == ["line 22", "line 23", "line 24"]
    assert (api.client.session.stats.requests, logs.more) == (before + 1, False)
    assert len(list(run.console_logs(last=100))) == 25


def test_a_run_that_printed_nothing_has_no_lines(api: Api) -> None:
    run = api.create_run(project="vision", entity="team")
    assert list(run.console_logs()) == list(run.console_logs(last=5)) == []


@pytest.mark.parametrize("wrong", [{"last": 0}, {"last": "5"}, {"last": True}, {"per_page": 0}])
def test_numbers_of_lines_that_cannot_be_are_refused(run: Run, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        run.console_logs(**wrong)


def test_console_lines_of_a_deleted_run_are_not_empty_but_missing(run: Run) -> None:
    run.delete()
    for logs in (run.console_logs(), run.console_logs(last=1)):
        with pytest.raises(NotFoundError, match="team/vision/r1"):
            list(logs)


def log(api: Api, run: Run) -> None:
    stream = FileStream(api.client, run.run_path)
    stream.log({"_step": step, "loss": 1 / (step + 1)} for step in range(20))
    stream.finish({"loss": 0.05})


def test_exported_history_files_are_saved_as_they_are(
    api: Api, app: Application, run: Run, tmp_path: Path
) -> None:
    app.service.exports = Exports(ExportPolicy(rows_per_file=8))
    log(api, run)
    result = run.download_history_exports(tmp_path / "new")
    assert [path.name for path in result.paths] == [
        f"team_vision_r1_{number}.runhistory.parquet" for number in range(3)
    ]
    assert (result.contains_live_data, result.errors) == (False, None)
    steps = [step for path in result.paths for step in pq.read_table(path)["_step"].to_pylist()]
    assert steps == list(range(20))


@pytest.mark.parametrize("policy", [ExportPolicy(live_rows=5), ExportPolicy(enabled=False)])
def test_a_history_that_is_not_all_exported_is_refused_unless_asked_for(
    api: Api, app: Application, run: Run, tmp_path: Path, policy: ExportPolicy
) -> None:
    app.service.exports = Exports(policy)
    log(api, run)
    with pytest.raises(IncompleteRunHistoryError, match="scan_history"):
        run.download_history_exports(tmp_path)
    assert list(tmp_path.iterdir()) == []
    result = run.download_history_exports(tmp_path, require_complete_history=False)
    assert result.contains_live_data
    assert sum(pq.read_table(path).num_rows for path in result.paths) == 15 * policy.enabled


def test_the_old_name_of_a_scan_still_works(api: Api, run: Run) -> None:
    log(api, run)
    with pytest.warns(FutureWarning, match="scan_history"):
        rows = list(run.beta_scan_history(keys=["loss"], min_step=18))
    assert rows == list(run.scan_history(keys=["loss"], min_step=18))
    assert len(rows) == 2
