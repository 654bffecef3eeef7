"""Ingesting folders: whole, growing, crashed, damaged, hostile, and again."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

import wbexport
from tests.ingest.conftest import content
from tests.ingest.sdk_scripts import CRASH
from tests.ingest.test_frames import write_log
from wbexport.archive import Archive
from wbexport.errors import InputError, NotFoundError
from wbexport.ingest.engine import ingest
from wbexport.ingest.frames import HEADER
from wbexport.store.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ingest.conftest import Program
    from wbexport.store.database import Store


def folder_of(wandb: Path, run_id: str) -> Path:
    (found,) = wandb.glob(f"offline-run-*-{run_id}")
    return found


def copy_cut(source: Path, target: Path, size: int | None) -> Path:
    """Copy a run folder, its file as it was when it had so many bytes."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    (file,) = target.glob("*.wandb")
    if size is not None:
        os.truncate(file, size)
    return file


def run_record(run_id: str = "made", project: str = "demo") -> bytes:
    """A run record, by hand: field 17, with a run id, a project and a time."""
    inner = b"".join(
        [
            bytes([0x0A, len(run_id.encode())]) + run_id.encode(),
            bytes([0x1A, len(project.encode())]) + project.encode(),
            b"\x8a\x01\x06\x08"
            # 2020-09-13
            b"\x80\xa0\xf8\xfa\x05",
        ]
    )
    return b"\x8a\x01" + bytes([len(inner)]) + inner


def history_record(step: int, text: bytes = b"1.5") -> bytes:
    """A history record with one value under `loss`."""
    item = b"\x0a\x04loss" + b"\x82\x01" + bytes([len(text)]) + text
    number = b"\x12\x02\x08" + bytes([step])
    inner = b"\x0a" + bytes([len(item)]) + item + number
    return b"\x12" + bytes([len(inner)]) + inner


def make_folder(place: Path, records: list[bytes]) -> Path:
    place.mkdir(parents=True)
    (place / "run-made.wandb").write_bytes(write_log(records))
    return place


def test_ingesting_again_changes_nothing(logged: Path, target: Store) -> None:
    ingest(logged, target)
    before = target.cursor().execute("from stored.runs order by run_no").fetchall()
    report = ingest(logged, target)
    assert (report.actions, report.rows, report.files) == ({"unchanged": 2}, 0, 0)
    assert target.cursor().execute("from stored.runs order by run_no").fetchall() == before
    assert list(check(target)) == []


def test_a_growing_run_is_the_same_as_one_that_is_read_at_its_end(
    logged: Path, target: Store, tmp_path: Path
) -> None:
    source = folder_of(logged, "rich")
    size = next(source.glob("*.wandb")).stat().st_size
    rows = 0
    for part in (2, 3, 5, 6, 7, None):
        cut = copy_cut(source, tmp_path / source.name, part and size * part // 8)
        report = ingest(cut.parent, target)
        assert report.actions == ({"new": 1} if part == 2 else {"grew": 1})
        rows += report.rows
        assert (content(target, "rich")["state"] == "finished") == (part is None)
    grown = content(target, "rich")
    assert rows == grown["stored_rows"] == 27
    ingest(logged, target, entity="other")
    with target.transaction() as cursor:
        cursor.execute("delete from stored.runs where project_no = 1")
    assert grown | {"storage_id": None} == content(target, "rich") | {"storage_id": None}


def test_titles_and_tags_that_were_changed_here_stay(
    logged: Path, target: Store, tmp_path: Path
) -> None:
    source = folder_of(logged, "rich")
    size = next(source.glob("*.wandb")).stat().st_size
    ingest(copy_cut(source, tmp_path / source.name, size // 2).parent, target)
    with target.transaction() as cursor:
        cursor.execute("update stored.runs set display_name = 'better', tags = ['mine']")
    ingest(copy_cut(source, tmp_path / source.name, None).parent, target)
    run = Archive(target).run("local/demo/rich")
    assert (run.name, run.tags, run.state) == ("better", ["mine"], "finished")


@pytest.mark.parametrize("how", ["exited", "killed"])
def test_a_crashed_run_is_read_as_far_as_it_reached_the_file(
    offline: Program, target: Store, how: str
) -> None:
    folder = offline(CRASH, how, may_fail=True)
    report = ingest(folder, target)
    run = Archive(target).run(f"local/demo/{how}")
    rows = [row["loss"] for row in run.scan_history()]
    assert report.status == "ok"
    assert rows == list(range(len(rows)))
    assert len(rows) > 100
    # Without a word at the end it may still be running, for some minutes.
    assert run.state == "running"
    with target.transaction() as cursor:
        cursor.execute("update stored.runs set heartbeat_at = '2020-01-01'")
    assert ingest(folder, target).actions == {"grew": 1}


def test_a_run_that_is_silent_for_minutes_has_crashed(target: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "offline-run-1-made", [run_record(), history_record(0)])
    ingest(folder, target)
    assert Archive(target).run("local/demo/made").state == "crashed"
    assert ingest(folder, target).actions == {"unchanged": 1}


def test_a_cut_tail_is_named_and_not_a_failure(logged: Path, target: Store, tmp_path: Path) -> None:
    source = folder_of(logged, "rich")
    size = next(source.glob("*.wandb")).stat().st_size
    report = ingest(copy_cut(source, tmp_path / source.name, size - 100).parent, target)
    assert report.status == "ok"
    (why,) = report.cut.values()
    assert "the file ends in the middle of a record" in why


def test_damage_inside_is_named_and_what_is_around_it_is_read(
    logged: Path, target: Store, tmp_path: Path
) -> None:
    source = folder_of(logged, "rich")
    file = copy_cut(source, tmp_path / source.name, None)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(data)
    for action in ("new", "unchanged"):
        report = ingest(file.parent, target)
        assert (report.status, report.actions) == ("partial", {action: 1})
        (why,) = report.incomplete.values()
        assert "the checksum does not match" in why
        assert content(target, "rich")["state"] == "finished"
        with pytest.raises(wbexport.errors.SyncError):
            report.raise_for_failures()
    shutil.copy(next(source.glob("*.wandb")), file)
    file.write_bytes(file.read_bytes() + bytes(10))
    assert ingest(file.parent, target).actions == {"rewritten": 1}
    assert content(target, "rich")["stored_rows"] == 27


def test_folders_that_cannot_be_read_are_named_and_do_not_stop_others(
    target: Store, tmp_path: Path
) -> None:
    wandb = tmp_path / "wandb"
    make_folder(wandb / "offline-run-1-good", [run_record(), history_record(3)])
    (wandb / "offline-run-2-empty").mkdir()
    (make_folder(wandb / "run-3-nothing", []) / "run-made.wandb").write_bytes(b"")
    (make_folder(wandb / "run-4-other", []) / "run-made.wandb").write_bytes(b"something else")
    newer = make_folder(wandb / "run-5-newer", [])
    (newer / "run-made.wandb").write_bytes(HEADER[:-1] + b"\x07")
    make_folder(wandb / "run-6-nameless", [history_record(0)])
    make_folder(wandb / "run-7-broken", [run_record("broken"), b"\x12\xff\xff\xff"])
    make_folder(wandb / "run-8-words", [run_record("words"), history_record(0, b"no json")])
    (wandb / "latest-run").symlink_to(wandb / "offline-run-1-good")
    report = ingest(tmp_path, target)
    assert report.actions == {"new": 1}
    assert report.failures == {
        "offline-run-2-empty": "no .wandb file in it",
        "run-3-nothing": "its file names no run",
        "run-4-other": "not a W&B run file: its first bytes are not those of one",
        "run-5-newer": "of version 7, which is newer than this wbexport; update it",
        "run-6-nameless": "its file names no run",
        "run-7-broken": "a record is not a protobuf message",
        "run-8-words": "a record holds a value that is not JSON",
    }
    assert [run.id for run in Archive(target).runs()] == ["made"]


def test_a_folder_without_runs_and_no_folder_are_refused(target: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there are no run folders here"):
        ingest(tmp_path, target)
    with pytest.raises(InputError, match="not a folder"):
        ingest(tmp_path / "nowhere", target)


def test_records_of_a_newer_sdk_are_left_out_and_named(target: Store, tmp_path: Path) -> None:
    unknown = b"\x82\x7d\x02hi"
    folder = make_folder(tmp_path / "run-1-made", [run_record(), unknown, history_record(0)])
    report = ingest(folder, target)
    assert report.notes == {"local/demo/made": ["records of a newer SDK (kind 2000)"]}
    assert report.rows == 1


def test_hostile_names_are_data(target: Store, tmp_path: Path) -> None:
    run_id, project = "../../up\x00'; drop", "..\\win\ndows"
    secret = tmp_path / "secret"
    secret.write_text("not for the store")
    folder = make_folder(tmp_path / "run-1-made", [run_record(run_id, project), history_record(0)])
    files = folder / "files"
    (files / "deep").mkdir(parents=True)
    (files / "back\\slash").write_text("x")
    (files / "a:b").write_text("x")
    (files / "deep" / "fine é.txt").write_text("fine")
    (files / "stolen").symlink_to(secret)
    (files / "loop").symlink_to(files)
    os.mkfifo(files / "pipe")
    report = ingest(folder, target)
    assert report.status == "ok"
    names = [row[0] for row in target.cursor().execute("select name from files").fetchall()]
    assert sorted(names) == ["config.yaml", "deep/fine é.txt", "wandb-summary.json"]
    (left_out,) = report.notes.values()
    assert "stolen is a link that the run did not save" in left_out
    assert len(left_out) == 4
    assert not any(secret.read_bytes() in blob.read_bytes() for blob in _blobs(target))
    assert target.cursor().execute("select run_id, project from runs").fetchall() == [
        (run_id, project)
    ]


def _blobs(store: Store) -> list[Path]:
    return [store.blobs.path(name) for name in store.blobs]


def test_a_run_is_put_where_the_caller_says(logged: Path, target: Store) -> None:
    ingest(logged, target, entity="team", project="vision")
    assert Archive(target).projects() == [("team", "vision")]
    # Runs without an owner go to the store's first.
    ingest(folder_of(logged, "rich"), target)
    assert Archive(target).projects() == [("team", "demo"), ("team", "vision")]


def test_a_part_that_comes_later_goes_on_where_the_run_stood(
    logged_twice: Path, target: Store
) -> None:
    first, second = sorted(logged_twice.glob("offline-run-*"))
    ingest(first, target)
    assert ingest(second, target).actions == {"grew": 1}
    apart = content(target, "twice")
    assert [row[1] for row in apart["history"] if row[0] == "v"] == list(range(7))
    assert apart["config"] == {"c0": 0, "c1": 1}
    assert ingest(logged_twice, target).actions == {"unchanged": 1}
    assert ingest(first, target).actions == {"unchanged": 1}


def test_an_earlier_part_that_comes_later_is_put_first_or_asks_for_the_others(
    logged_twice: Path, target: Store
) -> None:
    first, second = sorted(logged_twice.glob("offline-run-*"))
    ingest(second, target)
    assert ingest(logged_twice, target).actions == {"rewritten": 1}
    together = content(target, "twice")
    assert [row[1] for row in together["history"] if row[0] == "w0"] == [0, 1, 2]
    assert ingest(first, target).actions == {"unchanged": 1}


def test_what_the_sdk_would_write_when_it_uploads_is_there(
    logged: Path, target: Store, tmp_path: Path
) -> None:
    folder = copy_cut(folder_of(logged, "rich"), tmp_path / "run-1-rich", None).parent
    for name in ("config.yaml", "wandb-summary.json", "wandb-metadata.json"):
        (folder / "files" / name).unlink(missing_ok=True)
    ingest(folder, target)
    found = dict(
        target.cursor()
        .execute("select name, blob from files where run_id = 'rich' order by name")
        .fetchall()
    )
    metadata = json.loads(target.blobs.path(found["wandb-metadata.json"]).read_text())
    assert {"os", "python", "startedAt", "host", "cpu_count", "disk", "memory"} <= set(metadata)
    summary = json.loads(target.blobs.path(found["wandb-summary.json"]).read_text())
    assert summary["best"] == {"max": 0}
    config = target.blobs.path(found["config.yaml"]).read_text()
    assert '"lr":\n    value: 0.1\n' in config
    assert target.blobs.path(found["notes.txt"]).read_text() == "saved text"
