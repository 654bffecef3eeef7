"""The real SDK logs to this server and reads everything back."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.server import sdk_scripts as scripts
from wbexport.archive import Archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from wbexport.server.serve import LocalServer

    LogRun = Callable[..., dict[str, Any]]
    Answer = dict[str, Any]


@pytest.fixture(scope="module")
def logged(log_run: LogRun) -> Answer:
    return log_run(scripts.LOG_EVERYTHING)


@pytest.fixture(scope="module")
def read(log_run: LogRun, logged: Answer) -> Answer:
    return log_run(scripts.READ_EVERYTHING)


def start(env: dict[str, str], script: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", script, *arguments]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, env=env, cwd=env["HOME"], stdout=nowhere, stderr=nowhere)


def wait_for_rows(server: LocalServer, run_id: str, count: int) -> None:
    text = "select run_id from stored.runs where run_id = ? and history_line_count = ?"
    deadline = time.monotonic() + 60
    while not server.store.cursor().execute(text, [run_id, count]).fetchall():
        assert time.monotonic() < deadline, f"{run_id} has not logged {count} rows"
        time.sleep(0.2)


def row_at(rows: list[Answer], step: int) -> Answer:
    return next(row for row in rows if row["_step"] == step)


def test_a_run_with_everything_finishes_quickly(logged: Answer) -> None:
    assert logged["entity"] == "local"
    assert logged["seconds"] < 20


def test_what_the_run_is_called_comes_back(read: Answer) -> None:
    names = ("state", "name", "group", "job_type", "tags", "notes", "user")
    wanted = ["finished", "a rich run", "g", "train", ["a", "b"], "some notes", "local"]
    assert [read[name] for name in names] == wanted
    assert read["path"] == ["local", "demo", "rich"]


def test_config_and_summary_come_back_with_their_updates(read: Answer) -> None:
    config, summary = read["config"], read["summary"]
    assert (config["lr"], config["nest"], config["name"]) == (0.1, {"deep": [1, 2]}, "é")
    assert config["added"] == 7
    assert (summary["best"], summary["loss"], summary["_step"]) == (0.25, 0.05, 24)
    assert summary["nest"] == {"a": 19, "b": 9.5}
    assert summary["val/acc"] == 0.75


def _logged(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the keys that the SDK makes up over exported files, whose columns all have."""
    return {key: value for key, value in row.items() if value is not None}


def test_every_row_comes_back_in_both_ways_of_reading(read: Answer) -> None:
    by_step = {row["_step"]: row for row in read["history"]}
    assert list(by_step) == list(range(25))
    assert [row["_step"] for row in read["scan"]] == list(by_step)
    assert all(_same(_logged(row), by_step[row["_step"]]) for row in read["scan"])
    assert read["last"] == 24


def test_logged_values_keep_their_types(read: Answer) -> None:
    odd = row_at(read["scan"], 20)
    assert math.isnan(odd["odd"])
    assert (odd["up"], odd["down"], odd["flag"], odd["word"]) == (math.inf, -math.inf, True, "hi")
    assert row_at(read["scan"], 5)["nest"] == {"a": 5, "b": 2.5}
    assert row_at(read["scan"], 21)["hist"]["_type"] == "histogram"
    assert row_at(read["scan"], 22)["table"]["_type"] == "table-file"
    assert row_at(read["scan"], 24)["image"]["_type"] == "image-file"


def test_sampled_keys_keep_the_first_and_the_last_row(read: Answer) -> None:
    assert [row["_step"] for row in read["sampled"]] == [0, 4, 9, 14, 19]
    assert read["pandas"] == ["_step", "val/acc", "epoch"]
    assert [row for row in read["scan_keys"] if row["loss"] is not None] == [
        {"_step": step, "loss": _whole(1 / (step + 1))} for step in range(20)
    ]


def test_a_metric_defined_with_an_axis_is_read_along_it(read: Answer) -> None:
    assert read["axis"] == [{"epoch": n, "val/acc": _whole(n / 4)} for n in range(4)]
    names = [metric.get("1") or metric.get("2") for metric in read["metrics"]]
    assert {"epoch", "val/*"} <= set(names)


def test_files_come_back_as_they_went(read: Answer) -> None:
    assert read["files"] == read["downloads"]
    assert read["saved"] == "saved text"
    assert {"config.yaml", "output.log", "wandb-metadata.json"} <= set(read["files"])
    folders = {name.rpartition("/")[0] for name in read["files"]}
    assert {"media/table", "media/html", "media/images"} <= folders
    assert all(name.endswith(".json") for name in read["jsons"])
    assert read["metadata"]


def test_tables_and_axes_are_read_from_the_store(server: LocalServer, logged: Answer) -> None:
    archive = Archive(server.store)
    rows = archive.tables("table", f"{logged['entity']}/demo", format="default")
    assert rows == [
        {"run_id": "rich", "_step": 22, "x": 1, "y": "a"},
        {"run_id": "rich", "_step": 22, "x": 2, "y": "b"},
    ]
    curve = archive.sql("select x_axis, x, value from curve('val/acc') order by x").fetchall()
    assert curve == [("epoch", n, n / 4) for n in range(4)]


def test_console_lines_come_back(read: Answer) -> None:
    assert read["console"] == ["hello from the run", "a second line"]


def test_filters_and_listings_find_the_run(read: Answer) -> None:
    assert read["filtered"] == ["rich"]
    assert "rich" in read["ordered"]
    assert read["total"] == len(read["ids"]) >= 1
    assert "demo" in read["projects"]


def test_several_processes_log_at_once(sdk_env: dict[str, str], log_run: LogRun) -> None:
    processes = [start(sdk_env, scripts.LOG_ONE, f"p{n}", str(n), str(n % 2)) for n in range(4)]
    assert [process.wait(timeout=100) for process in processes] == [0] * 4
    read = log_run(scripts.READ_MANY)
    assert read["states"] == {"p0": "finished", "p1": "failed", "p2": "finished", "p3": "failed"}
    assert read["values"] == {f"p{n}": [step * n for step in range(50)] for n in range(4)}
    assert read["files"] > 0
    assert read["odd"] == read["whole"] == ["0", "nan", "2", "nan"]


def test_machine_metrics_come_back(log_run: LogRun) -> None:
    rows = log_run(scripts.LOG_SYSTEM)["rows"]
    times = [row["_timestamp"] for row in rows]
    assert len(rows) >= 2
    assert times == sorted(times)
    assert {"system.memory_percent", "_runtime"} <= set().union(*rows)


def test_two_processes_that_share_a_run_lose_no_row(
    sdk_env: dict[str, str], log_run: LogRun
) -> None:
    roles = {"left": "primary", "right": "other"}
    processes = [start(sdk_env, scripts.LOG_SHARED, *role) for role in roles.items()]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]
    rows = log_run(scripts.READ_ROWS, "demo/together")["rows"]
    logged = sorted((row["writer"], row["number"]) for row in rows)
    assert logged == [(label, number) for label in roles for number in range(40)]


def test_a_killed_run_keeps_its_rows_and_can_be_resumed(
    server: LocalServer, sdk_env: dict[str, str], log_run: LogRun
) -> None:
    with start(sdk_env, scripts.HANG) as process:
        wait_for_rows(server, "killed", 5)
        process.kill()
    first = log_run(scripts.RESUME, "killed", "must")
    assert (first["resumed"], first["config"], first["step"]) == (True, {"lr": 1}, 5)
    second = log_run(scripts.RESUME, "killed", "allow")
    assert second["step"] == first["step"] + 3
    rows = log_run(scripts.READ_ROWS, "demo/killed")["rows"]
    steps = [row["_step"] for row in rows]
    assert steps == list(range(11))
    assert [row["loss"] for row in rows] == [0, 1, 2, 3, 4, 100, 101, 102, 100, 101, 102]


def test_a_run_can_be_edited_stopped_and_deleted(log_run: LogRun) -> None:
    log_run(scripts.LOG_ONE, "edited", "1", "0")
    assert log_run(scripts.EDIT, "many/edited") == {
        "tags": ["new"],
        "config": {"n": 1, "more": [1]},
        "summary": 0.5,
        "state": "finished",
        "uploaded": "mine.txt",
        "after": [],
        "gone": True,
    }


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other or (one != one and other != other))
