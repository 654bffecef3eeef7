"""One run from its folder and from a server: there once, and never with fewer rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.conftest import content
from wbexport.api.client import Api
from wbexport.archive import Archive
from wbexport.ingest.engine import ingest
from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.sync import sync
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "local/demo"
STREAMS = ("history", "system", "files", "console")


@pytest.fixture
def remote(served: dict[str, Path]) -> Iterator[Api]:
    """A server to which the folders were uploaded."""
    with Store.open_reader(served["synced"]) as store:
        yield api_of(store)


def api_of(store: Store) -> Api:
    token = new_token()
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    return Api(settings=settings, transport=wsgi_transport(create_app(store, token=token)))


def shorten(store: Store, run_id: str, rows: int) -> None:
    """Make a store one to which less of a run was uploaded."""
    with store.transaction() as cursor:
        cursor.execute(
            "delete from stored.history where step >= ? and run_no in "
            "(select run_no from stored.runs where run_id = ?)",
            [rows, run_id],
        )
        cursor.execute(
            "update stored.runs set history_line_count = ?, stored_rows = ?, last_step = ? "
            "where run_id = ?",
            [rows, rows, rows - 1, run_id],
        )


def test_a_sync_takes_over_what_was_ingested_before(
    logged: Path, remote: Api, target: Store
) -> None:
    ingest(logged, target)
    mine = content(target, "rich")
    before = dict(target.cursor().execute("select run_id, run_no from runs").fetchall())
    report = sync(PATH, target, api=remote)
    assert report.status == "ok"
    assert report.actions == {"rewritten": 2, "new": 1}
    assert len(Archive(target).projects()) == 1
    assert len(Archive(target).runs(PATH)) == 3
    after = dict(target.cursor().execute("select run_id, run_no from runs").fetchall())
    assert before.items() <= after.items()
    theirs = content(target, "rich")
    assert theirs["status"] == "complete"
    for name in ("history", "summary", "config", "metrics", "console", "files", "machine"):
        assert theirs[name] == mine[name], name
    assert sync(PATH, target, api=remote).actions == {"unchanged": 3}
    assert list(check(target)) == []


def test_what_a_sync_has_brought_over_stays_when_it_is_ingested(
    logged: Path, remote: Api, target: Store
) -> None:
    sync(PATH, target, api=remote, include=STREAMS)
    before = content(target, "rich")
    report = ingest(logged, target)
    assert (report.status, report.rows, report.actions) == ("ok", 0, {"superseded": 2})
    assert content(target, "rich") == before
    assert len(Archive(target).runs(PATH)) == 3
    assert sync(PATH, target, api=remote, include=STREAMS).actions == {"unchanged": 3}


def test_an_upload_that_was_cut_short_never_replaces_what_was_ingested(
    logged: Path, served: dict[str, Path], target: Store, tmp_path: Path
) -> None:
    ingest(logged, target)
    before = content(target, "rich")
    with Store.open_writer(tmp_path / "cut.duckdb") as cut:
        sync(PATH, cut, api=api_of(Store.open_reader(served["synced"])))
        shorten(cut, "rich", 10)
        report = sync(PATH, target, api=api_of(cut))
        assert report.actions["kept"] == 1
        assert report.incomplete == {
            f"{PATH}/rich": "27 rows were logged here and the server has 10; what is here is kept"
        }
        assert content(target, "rich") == before
        assert report.vanished == 0
        # The other order: what the server has is less than what the folder holds.
        with Store.open_writer(tmp_path / "other.duckdb") as other:
            sync(PATH, other, api=api_of(cut))
            assert ingest(logged, other).actions == {"rewritten": 1, "superseded": 1}
            assert content(other, "rich") == before
            assert sync(PATH, other, api=api_of(cut)).actions["kept"] == 1
            assert content(other, "rich") == before


def test_a_run_that_the_server_never_saw_is_not_taken_as_deleted(
    logged: Path, remote: Api, target: Store, served: dict[str, Path]
) -> None:
    sync(PATH, target, api=remote)
    ingest(logged, target, project="demo", entity="local")
    with target.transaction() as cursor:
        cursor.execute(
            "update stored.runs set run_id = 'mine', storage_id = 'mine', status = 'live', "
            "streams = null where run_id = 'rich'"
        )
    report = sync(PATH, target, api=remote)
    assert (report.vanished, report.actions) == (0, {"new": 1, "unchanged": 2})
    assert len(Archive(target).runs(PATH)) == 4


def test_a_run_gets_the_identity_that_the_server_has_for_it(
    logged: Path, remote: Api, target: Store
) -> None:
    ingest(logged, target)
    with target.transaction() as cursor:
        cursor.execute("update stored.runs set storage_id = 'of this place ' || run_id")
    assert sync(PATH, target, api=remote).actions == {"rewritten": 2, "new": 1}
    assert len(Archive(target).runs(PATH)) == 3
