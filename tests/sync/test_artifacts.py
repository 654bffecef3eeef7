"""Of artifacts nothing is lost, and no listing is believed too soon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import wbexport
from wbexport.archive import Archive
from wbexport.store import artifact_listing, artifacts
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.sync.engine import sync

from .wire import connect, operation_of, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wbexport.api.client import Api
    from wbexport.sync.report import SyncReport

    from .wire import Fault, Wire


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Store]:
    with Store.open_writer(tmp_path / "copy.duckdb") as opened:
        yield opened


@pytest.fixture
def filled(api: Api) -> Api:
    """A server with three versions of `photos`, and one of `words`."""
    run = api.create_run(run_id="one", project="vision")
    for number in range(3):
        run.log_artifact(draft("photos", b"%d" % number))
    run.log_artifact(draft("words", b"text"))
    return api


def draft(name: str, content: bytes) -> wbexport.Artifact:
    artifact = wbexport.Artifact(name, "dataset")
    with artifact.new_file("a.txt", mode="wb") as file:
        file.write(content)
    return artifact


def bring(
    store: Store, archive: Store, fault: Fault | None = None, *, accept_deletes: bool = False
) -> SyncReport:
    api, wire = connect(store)
    wire.fault = fault
    return sync(
        "local/vision", archive, api=api, include=["artifacts"], accept_deletes=accept_deletes
    )


def versions(archive: Store) -> list[str]:
    offline = Archive(archive).api()
    collections = offline.artifact_type("dataset", "local/vision").collections()
    return sorted(each.name for found in collections for each in found.artifacts())


def altered(operations: set[str], alter: Callable[[dict[str, Any]], object]) -> Fault:
    """Changes the listing of the versions of `photos` on its way."""

    def fault(request: httpx.Request, wire: Wire) -> httpx.Response | None:
        named = variables_of(request).get("collection")
        if named != "photos" or operation_of(request) not in operations:
            return None
        answer = json.loads(wire.inner.handle_request(request).read())
        collection = answer["data"]["project"]["artifactType"]["artifactCollection"]
        alter(collection["artifacts"])
        body = httpx.ByteStream(json.dumps(answer).encode())
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=body)

    return fault


ALL = ["photos:v0", "photos:v1", "photos:v2", "words:v0"]
LISTINGS = {"ArtifactInventory", "ArtifactIds"}


@pytest.mark.parametrize(
    "alter",
    [
        lambda page: page["edges"].pop(),
        lambda page: page["edges"].clear(),
        lambda page: page["edges"][0].update(node=None),
        lambda page: page["edges"].pop() and page.pop("totalCount"),
    ],
    ids=["short", "empty", "null", "uncounted"],
)
def test_a_version_that_a_listing_lost_is_not_taken_as_deleted(
    filled: Api, store: Store, archive: Store, alter: Callable[[dict[str, Any]], object]
) -> None:
    bring(store, archive)
    report = bring(store, archive, altered(LISTINGS, alter))
    assert report.status == "partial"
    assert "did not settle" in report.failures["local/vision/photos"]
    assert versions(archive) == ALL


def test_a_version_that_only_one_listing_lost_is_there(
    filled: Api, store: Store, archive: Store
) -> None:
    bring(store, archive)
    report = bring(store, archive, altered({"ArtifactInventory"}, lambda page: page["edges"].pop()))
    assert (report.status, report.parts) == ("ok", {"artifacts": 0})
    assert versions(archive) == ALL


def test_a_collection_that_lists_nothing_any_more_is_believed_only_when_told_so(
    filled: Api, store: Store, archive: Store
) -> None:
    bring(store, archive)
    for number in range(3):
        filled.artifact(f"local/vision/photos:v{number}").delete(delete_aliases=True)
    report = bring(store, archive)
    assert "accept_deletes" in report.failures["local/vision/photos"]
    assert versions(archive) == ALL
    assert bring(store, archive, accept_deletes=True).parts == {"artifacts": 3}
    assert versions(archive) == ["words:v0"]


def test_a_collection_that_fails_does_not_stop_the_others(
    filled: Api, store: Store, archive: Store
) -> None:
    def lose_membership(page: dict[str, Any]) -> None:
        page["edges"][0]["node"]["artifactMemberships"]["edges"].clear()

    report = bring(store, archive, altered(LISTINGS, lose_membership))
    assert report.status == "partial"
    assert list(report.failures) == ["local/vision/photos"]
    assert versions(archive) == ["words:v0"]
    assert bring(store, archive).parts == {"artifacts": 3}
    assert versions(archive) == ALL


def test_a_version_that_is_still_written_does_not_come_over(
    filled: Api, store: Store, archive: Store
) -> None:
    with store.transaction() as cursor:
        row = {"storage_id": "p", "state": "PENDING", "digest": "0" * 32}
        number = artifacts.write_versions(cursor, 1, [row])["p"]
        member = {"artifact_no": number, "storage_id": "m", "version_index": 9, "aliases": []}
        artifacts.write_members(cursor, 1, [member])
    assert bring(store, archive).status == "ok"
    assert versions(archive) == ALL


def test_who_logged_a_version_is_known_once_the_run_is_stored(
    filled: Api, store: Store, archive: Store
) -> None:
    api, _ = connect(store)
    nobody = {"display_name": "nobody"}
    sync("local/vision", archive, api=api, include=["artifacts"], filters=nobody)
    lineage = "select distinct run_id, artifact from lineage order by all"
    assert Archive(archive).sql(lineage).fetchall() == []
    assert bring(store, archive).parts == {"artifacts": 4}
    found = Archive(archive).sql(lineage).fetchall()
    assert found == [("one", f"local/vision/{name}") for name in ALL]


def test_a_new_alias_writes_no_file_anew(filled: Api, store: Store, archive: Store) -> None:
    bring(store, archive)
    stamps = "select max(rowid) from stored.artifact_files"
    before = archive.cursor().execute(stamps).fetchall()
    first = filled.artifact("local/vision/photos:v0")
    first.aliases.append("best")
    first.save()
    assert bring(store, archive).parts == {"artifacts": 1}
    assert archive.cursor().execute(stamps).fetchall() == before
    assert "best" in Archive(archive).api().artifact("local/vision/photos:v0").aliases


def test_a_collection_made_anew_under_an_old_name_is_the_one_that_is_found(
    filled: Api, store: Store, archive: Store
) -> None:
    bring(store, archive)
    filled.artifact_collection("dataset", "local/vision/words").delete()
    filled.run("local/vision/one").log_artifact(draft("words", b"new text"))
    assert bring(store, archive).status == "ok"
    online = filled.artifact("local/vision/words:latest")
    assert Archive(archive).api().artifact("local/vision/words:latest").digest == online.digest


def test_a_version_outlives_the_runs_that_used_it(
    filled: Api, store: Store, archive: Store
) -> None:
    for name in ("two", "three"):
        user = filled.create_run(run_id=name, project="vision")
        user.use_artifact(filled.artifact("local/vision/photos:v0"))
    bring(store, archive)
    with archive.transaction() as cursor:
        cursor.execute(
            "update stored.runs set missing_since = now()::timestamp where run_id in ('one', 'two')"
        )
    offline = Archive(archive).api().artifact("local/vision/photos:v0")
    assert [run.id for run in offline.used_by()] == ["three"]
    assert offline.logged_by() is None


def test_listing_many_versions_asks_the_store_no_more_often_than_listing_few(
    filled: Api, store: Store, archive: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = artifact_listing.fetch_arrow

    def counted(cursor: Any, text: str, parameters: Any) -> Any:
        asked.append(text)
        return read(cursor, text, parameters)

    counts = []
    for more in (0, 5):
        for number in range(more):
            filled.run("local/vision/one").log_artifact(draft("photos", b"more %d" % number))
        bring(store, archive)
        asked.clear()
        with monkeypatch.context() as patched:
            patched.setattr(artifact_listing, "fetch_arrow", counted)
            assert bring(store, archive).parts == {"artifacts": 0}
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_version_that_is_listed_twice_is_stored_once(
    filled: Api, store: Store, archive: Store
) -> None:
    def repeat(page: dict[str, Any]) -> None:
        page["edges"].append(page["edges"][0])

    assert bring(store, archive, altered(LISTINGS, repeat)).parts == {"artifacts": 4}
    assert check(archive, read_data=True) == []
    assert versions(archive) == ALL
