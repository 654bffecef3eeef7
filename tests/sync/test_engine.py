"""A sync against our own server: whatever happens to a project, the archive follows it exactly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from wbexport.archive import Archive
from wbexport.errors import InputError, NotFoundError, ResponseError, SyncError
from wbexport.server.exports import ExportPolicy
from wbexport.store.database import Store
from wbexport.store.projects import delete_project
from wbexport.sync import commit
from wbexport.sync.engine import plan, sync
from wbexport.sync.fetch import BATCH

from .truth import digest_of
from .wire import operation_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from .conftest import World
    from .wire import Wire

POLICIES = [
    ExportPolicy(enabled=False),
    ExportPolicy(),
    ExportPolicy(live_rows=3),
    ExportPolicy(live_rows=5, overlap_rows=2, rows_per_file=7),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_first_sync_brings_everything_over(
    make_world: Callable[..., World], policy: ExportPolicy
):
    world = make_world(policy)
    sizes = (0, 1, 4, 20, 33)
    world.truth.new_many([world.truth.rows(size, start=size, stride=3) for size in sizes])
    report = world.sync()
    assert (report.status, report.actions, report.rows) == ("ok", {"new": 5}, 58)
    world.assert_equal()
    assert set(world.statuses().values()) == {"complete"}


def test_a_second_sync_of_200_unchanged_runs_takes_three_requests_and_writes_nothing(
    make_world: Callable[..., World], archive_path: Path
):
    world = make_world()
    world.truth.new_many([world.truth.rows(3) for _ in range(200)])
    sync("e/p", archive_path, api=world.api)
    before = archive_path.stat()
    world.wire.requests.clear()
    report = sync("e/p", archive_path, api=world.api)
    after = archive_path.stat()
    assert report.actions == {"unchanged": 200}
    assert not report.changed
    assert len(world.wire.requests) == report.requests <= 3
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_where_histories_are_is_asked_for_many_runs_at_once(world: World):
    world.truth.new_many([world.truth.rows(3) for _ in range(2 * BATCH + 1)])
    world.sync()
    assert world.wire.requests.count("RunHistorySource") == 3
    world.assert_equal()


def test_of_runs_that_cannot_be_looked_up_together_each_is_asked_for_alone(world: World):
    world.truth.new_many([world.truth.rows(3) for _ in range(3)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wbexport.sync.fetch.fetch_sources", _refuse)
        assert world.sync().status == "ok"
    assert world.wire.requests.count("RunHistorySource") == 3
    world.assert_equal()


def test_runs_whose_answers_take_long_are_fetched_side_by_side(world: World):
    world.truth.new_many([world.truth.rows(3) for _ in range(16)])
    together = threading.Barrier(8, timeout=60)

    def wait(request: httpx.Request, _: Wire) -> None:
        if operation_of(request) == "exports":
            together.wait()

    world.wire.fault = wait
    assert world.sync(jobs=8).status == "ok"
    world.assert_equal()


def test_memory_is_released_only_while_nobody_reads_the_store(
    world: World, archive_path: Path, monkeypatch: pytest.MonkeyPatch
):
    released = []
    monkeypatch.setattr(Store, "release_memory", lambda store: released.append(store.path))
    monkeypatch.setattr(commit, "BATCH_RUNS", 1)
    runs = world.truth.new_many([world.truth.rows(5) for _ in range(3)])
    sync("e/p", archive_path, api=world.api)
    assert len(released) == 3
    world.truth.log(runs[0], world.truth.rows(5, start=5))
    assert sync("e/p", archive_path, api=world.api).rows == 5
    assert len(released) == 3


def test_a_project_that_is_deleted_meanwhile_is_written_again(
    world: World, archive_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world.truth.new_many([world.truth.rows(5) for _ in range(3)])
    monkeypatch.setattr(commit, "BATCH_RUNS", 1)
    written = commit.Committer.commit

    def commit_and_delete(committer: commit.Committer) -> None:
        first = not committer.runs
        written(committer)
        if first and committer.runs:
            with store.transaction() as cursor:
                delete_project(cursor, 1)

    monkeypatch.setattr(commit.Committer, "commit", commit_and_delete)
    with Store.open_writer(archive_path) as store:
        sync("e/p", store, api=world.api)
        lost = store.cursor().execute(
            "select count(*) from stored.runs anti join stored.projects using (project_no)"
        )
        assert lost.fetchall() == [(0,)]
        assert store.cursor().execute("select count(*) from stored.runs").fetchall() == [(2,)]


def _refuse(*_: object) -> None:
    raise ResponseError("too many at once")


def test_nothing_is_asked_of_a_run_without_rows(world: World):
    world.truth.new([])
    assert (world.sync().rows, world.wire.requests) == (0, ["RunHeaders"])
    assert set(world.statuses().values()) == {"complete"}
    world.assert_equal()


def test_a_run_that_grew_is_appended_to(world: World):
    run = world.truth.new(world.truth.rows(50), state="running")
    world.sync()
    world.truth.log(run, world.truth.rows(5, start=50))
    world.wire.requests.clear()
    report = world.sync()
    assert (report.actions, report.rows) == ({"grew": 1}, 5)
    assert world.wire.requests == ["RunHeaders", "RunHistoryPage"]
    world.assert_equal()


def test_exported_files_are_not_fetched_again_for_a_few_new_rows(world: World):
    run = world.truth.new(world.truth.rows(50))
    world.sync()
    assert "exports" in world.wire.requests
    world.truth.log(run, world.truth.rows(5, start=50))
    world.wire.requests.clear()
    assert (world.sync().rows, world.wire.requests) == (5, ["RunHeaders", "RunHistoryPage"])
    world.assert_equal()


def test_a_rewound_run_becomes_a_new_generation(world: World):
    run = world.truth.new(world.truth.rows(20))
    world.sync()
    world.truth.rewind(run, 10, world.truth.rows(15, start=10))
    world.wire.requests.clear()
    report = world.sync()
    assert world.wire.requests == ["RunHeaders", "RunHistorySource", "exports"]
    assert (report.actions, report.status) == ({"rewritten": 1}, "ok")
    world.assert_equal()
    query = "select generation from stored.runs"
    assert world.archive.cursor().execute(query).fetchall() == [(2,)]


def test_a_last_row_that_changed_shows_that_the_run_was_rewritten(world: World):
    rows = world.truth.rows(20)
    run = world.truth.new(rows)
    world.sync()
    rows[-1] |= {"loss": 99.0}
    world.truth.log(run, [*rows, *world.truth.rows(3, start=20)], anew=True)
    assert world.sync().status == "ok"
    world.assert_equal()


def test_rows_that_came_in_below_the_last_one_are_found_by_their_count(world: World):
    run = world.truth.new(world.truth.rows(10, stride=2))
    world.sync()
    world.truth.log(run, [{"_step": 3, "loss": 1.0}, {"_step": 30, "loss": 2.5}])
    assert world.sync().status == "ok"
    world.assert_equal()


def test_an_edit_is_seen_and_fetches_no_history(world: World):
    run = world.truth.new(world.truth.rows(5))
    world.sync()
    world.truth.edit(run, tags=["a", "b"], notes="new", display_name="renamed")
    report = world.sync()
    assert report.actions == {"edited": 1}
    assert set(world.wire.requests) == {"RunHeaders"}
    world.assert_equal()


def test_a_deleted_run_is_marked_and_its_rows_stay(world: World):
    runs = world.truth.new_many([world.truth.rows(3)] * 12)
    world.sync()
    world.truth.delete(runs[4])
    world.wire.requests.clear()
    report = world.sync()
    assert (report.vanished, report.status) == (1, "ok")
    assert set(world.wire.requests) == {"RunHeaders"}
    assert len(world.wire.requests) <= 3
    world.assert_equal()
    count = "select count(distinct run_no) from stored.history"
    assert world.archive.cursor().execute(count).fetchall() == [(12,)]
    assert world.sync().changed is False


def test_many_runs_gone_at_once_are_not_believed_without_being_told_so(world: World):
    runs = world.truth.new_many([world.truth.rows(3)] * 12)
    world.sync()
    before = digest_of(world.archive)
    for run in runs[:4]:
        world.truth.delete(run)
    with pytest.raises(SyncError, match="4 of the 12 stored runs"):
        world.sync()
    assert digest_of(world.archive) == before
    assert world.sync(accept_deletes=True).vanished == 4
    world.assert_equal()


def test_a_small_project_is_not_believed_to_be_gone_either(world: World):
    runs = [world.truth.new(world.truth.rows(3)) for _ in range(3)]
    world.sync()
    before = digest_of(world.archive)
    for run in runs:
        world.truth.delete(run)
    with pytest.raises(SyncError, match="3 of the 3 stored runs"):
        world.sync()
    assert digest_of(world.archive) == before


def test_what_a_killed_sync_committed_is_published_by_the_next(
    world: World, archive_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world.truth.new(world.truth.rows(3))
    sync("e/p", archive_path, api=world.api)
    world.truth.new(world.truth.rows(4))
    with monkeypatch.context() as killed:
        killed.setattr(Store, "publish", lambda store: False)
        sync("e/p", archive_path, api=world.api)
    assert sync("e/p", archive_path, api=world.api).actions == {"unchanged": 2}
    with Store.open_reader(archive_path) as archive:
        assert digest_of(archive) == digest_of(world.truth.store)


def test_a_run_that_comes_back_is_no_longer_marked(world: World):
    runs = world.truth.new_many([world.truth.rows(3)] * 12)
    world.sync()
    with world.archive.transaction() as cursor:
        cursor.execute(
            "update stored.runs set missing_since = now()::timestamp where storage_id = ?", runs[:1]
        )
    assert world.sync().actions == {"edited": 1, "unchanged": 11}
    world.assert_equal()


def test_a_filter_leaves_the_runs_outside_of_it_alone(world: World):
    for state in ("finished", "crashed"):
        world.truth.new(world.truth.rows(3), state=state)
    world.sync()
    before = digest_of(world.archive)
    world.truth.new(world.truth.rows(3), state="crashed")
    report = world.sync(filters={"state": "finished"})
    assert (report.runs, report.vanished) == (1, 0)
    assert digest_of(world.archive) == before
    assert world.sync(filters={"state": "crashed"}).actions == {"unchanged": 1, "new": 1}
    world.assert_equal()


def test_a_renamed_project_is_still_the_same_project(world: World):
    world.truth.new(world.truth.rows(3))
    world.sync()
    with world.truth.store.transaction() as cursor:
        cursor.execute("update stored.projects set project = 'renamed'")
    report = sync("e/renamed", world.archive, api=world.api)
    assert report.actions == {"unchanged": 1}
    assert Archive(world.archive).projects() == [("e", "renamed")]


def test_a_project_without_runs_is_stored_as_such(world: World):
    assert world.sync().runs == 0
    assert len(Archive(world.archive).runs("e/p")) == 0


def test_a_project_that_does_not_exist_changes_nothing(world: World):
    world.truth.new(world.truth.rows(3))
    world.sync()
    before = digest_of(world.archive)
    with pytest.raises(NotFoundError, match="e/other"):
        sync("e/other", world.archive, api=world.api)
    assert digest_of(world.archive) == before


def test_a_first_sync_of_a_project_that_does_not_exist_makes_no_store(world: World, tmp_path: Path):
    folder = tmp_path / "exports"
    with pytest.raises(NotFoundError, match="e/other"):
        sync("e/other", folder / "wb.duckdb", api=world.api)
    assert not folder.exists()


@pytest.mark.parametrize("options", [{"include": ["histroy"]}, {"include": "history"}, {"jobs": 0}])
def test_a_wrong_argument_is_found_before_anything_is_sent(world: World, options: dict[str, Any]):
    with pytest.raises(InputError):
        world.sync(**options)
    assert world.wire.requests == []


def test_a_sync_without_histories_is_completed_by_one_with(world: World):
    world.truth.new(world.truth.rows(3))
    assert world.sync(include=()).status == "ok"
    assert set(world.statuses().values()) == {"header"}
    with pytest.raises(NotFoundError, match="no history"):
        Archive(world.archive).scan_histories("e/p")
    assert world.sync().actions == {"new": 1}
    world.assert_equal()


def test_a_plan_tells_what_a_sync_does_and_writes_nothing(world: World, archive_path: Path):
    world.truth.new_many([world.truth.rows(40)] * 3)
    planned = plan("e/p", archive_path, api=world.api)
    assert (planned.actions, planned.rows) == ({"new": 3}, 120)
    assert not archive_path.exists()
    report = sync("e/p", archive_path, api=world.api)
    assert (report.rows, report.requests) == (planned.rows, len(world.wire.requests) - 1)
    with Store.open_reader(archive_path) as archive:
        assert digest_of(archive) == digest_of(world.truth.store)
        assert plan("e/p", archive, api=world.api).actions == {"unchanged": 3}


def test_sync_can_be_called_by_its_public_name_though_it_is_a_room_too(world: World):
    world.truth.new(world.truth.rows(3))
    assert wbexport.sync("e/p", world.archive, api=world.api).rows == 3
    assert wbexport.plan("e/p", world.archive, api=world.api).rows == 0


def test_counts_that_do_not_agree_are_told_and_tried_again_a_few_times(world: World):
    run = world.truth.new(world.truth.rows(9))
    world.truth.edit(run, history_line_count=12)
    for attempt in range(4):
        report = world.sync()
        assert report.status == "partial"
        assert "9 instead of 12" in report.incomplete["e/p/r0001"]
        assert ("RunHistorySource" in world.wire.requests) == (attempt < 3)
    assert world.statuses() == {run: "incomplete"}
    world.truth.edit(run, history_line_count=9)
    assert world.sync().status == "ok"
    world.assert_equal()
