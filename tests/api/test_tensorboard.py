"""Folders of event files become runs, whole or marked as failed."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tensorboardX import SummaryWriter

from tests.server.client import spelled
from wbexport.api.client import Api
from wbexport.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    RequestError,
)
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wbexport.server.app import Application
    from wbexport.server.serve import LocalServer

    LogRun = Callable[..., dict[str, Any]]


def write(folder: Path, start: float = 1_700_000_000.0) -> None:
    """Event files of a training and its validation, one second between steps."""
    with SummaryWriter(str(folder)) as writer:
        writer.add_scalar("lr", 0.1, 0, walltime=start)
    for part, late in (("train", 0.0), ("val/full", 0.5)):
        with SummaryWriter(str(folder / part)) as writer:
            for step in range(3):
                moment = start + step + late + 1
                writer.add_scalar("loss", 1 / (step + 1), step * 10, walltime=moment)
                writer.add_scalar("acc/top1", step, step * 10, walltime=moment + 0.1)
                if part == "train":
                    values = np.arange(10.0) + step
                    writer.add_histogram("w", values, step * 10, walltime=moment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "logs")
    return tmp_path / "logs"


def sync(api: Api, folder: Path, **place: Any) -> Any:
    return api.sync_tensorboard(folder, **{"project": "tb", "entity": "team"} | place)


def test_a_folder_becomes_a_finished_run(api: Api, folder: Path) -> None:
    run = sync(api, folder, run_id="one")
    assert (run.path, run.state) == (["team", "tb", "one"], "finished")
    rows = list(run.scan_history())
    assert [row["_step"] for row in rows] == list(range(7))
    assert rows[0] == {
        "_step": 0,
        "_runtime": 0,
        "_timestamp": 1_700_000_000,
        "global_step": 0,
        "lr": 0.1,
    }
    losses = [(row["global_step"], row["train/loss"]) for row in rows if "train/loss" in row]
    assert losses == [(0, 1), (10, 0.5), (20, 0.33333334)]
    assert [row["val/full/acc/top1"] for row in rows if "val/full/loss" in row] == [0, 1, 2]
    assert [row["_runtime"] for row in rows] == pytest.approx([0, 1, 1.6, 2, 2.6, 3, 3.6], abs=1e-5)


def test_histograms_are_those_of_wandb(api: Api, folder: Path) -> None:
    rows = sync(api, folder).scan_history(keys=["train/w"])
    for row in rows:
        assert row["train/w"]["_type"] == "histogram"
        assert sum(row["train/w"]["values"]) == 10


def test_the_summary_holds_the_last_values(api: Api, folder: Path) -> None:
    summary = sync(api, folder).summary_metrics
    assert (summary["train/loss"], summary["lr"], summary["global_step"]) == (0.33333334, 0.1, 20)
    assert (summary["_step"], summary["_wandb"]) == (6, {"runtime": 3})


def test_the_event_files_are_files_of_the_run(api: Api, folder: Path) -> None:
    run = sync(api, folder)
    expected = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}
    assert {file.name: file.read() for file in run.files()} == expected


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_numbers_json_lacks_survive(api: Api, tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step, value in enumerate([math.nan, math.inf, -math.inf]):
            writer.add_scalar("odd", value, step)
    run = sync(api, tmp_path)
    first, *rest = [row["odd"] for row in run.scan_history()]
    assert math.isnan(first)
    assert rest == [math.inf, -math.inf]
    assert run.summary["odd"] == -math.inf


def test_a_tag_logged_twice_at_a_step_makes_two_rows(api: Api, tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for value in (1, 2):
            writer.add_scalar("loss", value, 5)
        writer.add_text("note", "hello", 5)
    rows = [
        {key: row[key] for key in row if not key.startswith("_")}
        for row in sync(api, tmp_path).scan_history()
    ]
    assert rows == [
        {"global_step": 5, "loss": 1},
        {"global_step": 5, "loss": 2, "note/text_summary": "hello"},
    ]


def test_values_that_no_history_holds_are_named(api: Api, tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("global_step", 3, 0)
        writer.add_scalar("loss", 3, 0)
        writer.add_image("cat", np.zeros((3, 4, 4)), 0)
    with pytest.warns(UserWarning, match=r"1 of image, 1 of the reserved tag global_step"):
        run = sync(api, tmp_path)
    assert [row["loss"] for row in run.scan_history()] == [3]


def test_an_unfinished_file_is_logged_up_to_its_last_record(api: Api, folder: Path) -> None:
    (path,) = (each for each in files(folder) if each.parent == folder / "train")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.warns(UserWarning, match="unfinished"):
        run = sync(api, folder)
    assert "train/acc/top1" not in list(run.scan_history(keys=["train/loss"]))[-1]


@pytest.mark.parametrize("what", ["missing", "empty", "file"])
def test_a_folder_without_event_files_is_refused_before_a_request(
    api: Api, tmp_path: Path, what: str
) -> None:
    place = tmp_path / what
    if what == "empty":
        place.mkdir()
    elif what == "file":
        place.touch()
    with pytest.raises(InputError, match=what):
        sync(api, place)
    assert api.client.session.stats.requests == 0


def test_a_damaged_file_is_refused_before_a_request(api: Api, folder: Path) -> None:
    path = max(files(folder), key=lambda each: each.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="damaged"):
        sync(api, folder)
    assert api.client.session.stats.requests == 0


def test_a_run_that_has_a_history_is_left_alone(api: Api, folder: Path) -> None:
    run = sync(api, folder, run_id="one")
    with pytest.raises(ConflictError, match="team/tb/one"):
        sync(api, folder, run_id="one")
    run.load(force=True)
    assert (run.state, run.history_line_count) == ("finished", 7)


def test_a_run_that_was_created_before_may_be_filled(api: Api, folder: Path) -> None:
    api.create_run(run_id="one", project="tb", entity="team")
    assert sync(api, folder, run_id="one").history_line_count == 7


@pytest.mark.parametrize("path", ["/files/team/tb/one/file_stream", "/uploads"])
def test_a_sync_that_fails_midway_is_marked_as_failed(
    api: Api, app: Application, folder: Path, path: str
) -> None:
    failures = [1]

    def failing(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == path and failures:
            failures.pop()
            start_response("400 Bad Request", [("Content-Length", "0")])
            return [b""]
        return app(environ, start_response)

    broken = Api(settings=api.settings, transport=wsgi_transport(failing))
    with pytest.raises(RequestError) as caught:
        sync(broken, folder, run_id="one")
    assert "team/tb/one is incomplete" in caught.value.__notes__[0]
    assert api.run("team/tb/one").state == "failed"


def test_a_read_only_api_creates_no_run(api: Api, app: Application, folder: Path) -> None:
    settings = replace(api.settings, read_only=True)
    reader = Api(settings=settings, transport=wsgi_transport(app))
    with pytest.raises(InputError, match="read-only"):
        sync(reader, folder, run_id="one")
    with pytest.raises(NotFoundError):
        api.run("team/tb/one")


def test_many_steps_are_sent_in_several_requests_and_none_is_lost(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wbexport.api.filestream._MAX_LINES", 100)
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(1050):
            writer.add_scalar("loss", step, step)
    run = sync(api, tmp_path)
    assert [row["loss"] for row in run.scan_history()] == list(range(1050))


SDK = """
from __future__ import annotations

import sys, wandb
import numpy as np
from pathlib import Path
from tensorboardX import SummaryWriter

{write}
folder = Path(sys.argv[1])
run = wandb.init(project="tb", id="theirs")
# W&B reads no file that is older than its run.
write(folder)
next(folder.glob("events*")).unlink()
for part in ("train", "val/full"):
    run._tensorboard_callback(str(folder / part), save=True, root_logdir=str(folder))
run.finish()
print("{{}}")
"""


def test_the_sdk_logs_the_same_values(server: LocalServer, log_run: LogRun, tmp_path: Path) -> None:
    """What W&B's watcher logs of folders that a program names, beside what the sync logs."""
    logs = tmp_path / "logs"
    log_run(SDK.format(write=inspect.getsource(write)), str(logs))
    api = Api({"base_url": server.url}, api_key=server.token)
    ours = api.sync_tensorboard(logs, run_id="ours", project="tb", entity="local")
    theirs = api.run("local/tb/theirs")

    def logged(run: Any) -> Counter[str]:
        rows = ({k: v for k, v in row.items() if k[0] != "_"} for row in run.scan_history())
        return Counter(map(spelled, rows))

    assert logged(ours) == logged(theirs)
    assert {file.name for file in ours.files()} <= {file.name for file in theirs.files()}
