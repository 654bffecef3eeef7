"""Artifacts, sweeps and reports come over whole, once, and answer offline as they did online."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from wbexport.archive import Archive
from wbexport.errors import NotFoundError, WbexportError
from wbexport.store.check import check
from wbexport.store.database import Store
from wbexport.sync.engine import sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wbexport.api.artifacts import Artifact
    from wbexport.api.client import Api
    from wbexport.sync.report import SyncReport

PARTS = ("history", "artifacts", "sweeps", "reports")
SWEEP = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters: {lr: {values: [1, 2]}}\n"
UPSERT_SWEEP = """
mutation UpsertSweep($input: UpsertSweepInput!) { upsertSweep(input: $input) { sweep { id name } } }
"""
UPSERT_VIEW = """
mutation UpsertView($input: UpsertViewInput!) { upsertView(input: $input) { view { id } } }
"""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Store]:
    with Store.open_writer(tmp_path / "copy.duckdb") as opened:
        yield opened


def put(api: Api, text: str, **given: Any) -> dict[str, Any]:
    variables = {"input": {"entityName": "local", "projectName": "vision", **given}}
    return api.client.execute_text(text, variables)


def draft(folder: Path, content: bytes, name: str = "photos") -> Artifact:
    path = folder / "a.txt"
    path.write_bytes(content)
    artifact = wbexport.Artifact(name, "dataset", metadata={"n": len(content)})
    artifact.add_file(str(path), name="deep/a.txt")
    artifact.add_reference("https://example.com/b.txt", name="b.txt", checksum=False)
    return artifact


@pytest.fixture
def filled(api: Api, tmp_path: Path) -> Api:
    """A server with two versions of an artifact, a link, lineage, a sweep and a report."""
    run = api.create_run(run_id="one", project="vision")
    user = api.create_run(run_id="two", project="vision")
    run.log_artifact(draft(tmp_path, b"first"), aliases=["best"], tags=["reviewed"])
    second = run.log_artifact(draft(tmp_path, b"second"))
    user.use_artifact(second)
    second.link("local/vision/shown", aliases=["prod"])
    put(api, UPSERT_SWEEP, config=SWEEP)
    put(api, UPSERT_VIEW, displayName="Findings", spec=json.dumps({"blocks": []}))
    return api


def bring(api: Api, archive: Store, *, include: tuple[Any, ...] = PARTS) -> SyncReport:
    return sync("local/vision", archive, api=api, include=include)


def describe(api: Api, folder: Path) -> dict[str, Any]:
    """All that `Api` can tell of the artifacts, sweeps and reports of the project."""
    answer: dict[str, Any] = {}
    for kind in api.artifact_types("local/vision"):
        for collection in kind.collections():
            answer[collection.name] = [
                collection.description,
                collection.tags,
                collection.is_sequence(),
                collection.aliases,
            ]
            for version in collection.artifacts():
                place = folder / version.name.replace(":", "-")
                with pytest.warns(UserWarning, match="references"):
                    version.download(root=place)
                creator = version.logged_by()
                answer[version.name] = [
                    version.digest, version.metadata, version.tags, version.aliases, version.size,
                    version.description, version.created_at, version.version, version.state,
                    {each.path: (each.digest, each.size, each.ref) for each in version.manifest},
                    {str(f.relative_to(place)): f.read_bytes() for f in place.rglob("*.txt")},
                    creator and creator.id, [used.id for used in version.used_by()],
                ]  # fmt: skip
    for sweep in api.project("vision", "local").sweeps():
        answer[sweep.id] = [sweep.config, sweep.state, sweep.expected_run_count, sweep.name]
    for report in api.reports("local/vision"):
        answer[report.id] = [report.display_name, report.spec, report.name, report.created_at]
    return answer


def test_what_came_over_answers_offline_as_it_did_online(
    filled: Api, archive: Store, tmp_path: Path
) -> None:
    report = bring(filled, archive)
    assert report.status == "ok"
    # The link lists the second version again.
    assert report.parts == {"artifacts": 3, "sweeps": 1, "reports": 1}
    online = describe(filled, tmp_path / "online")
    offline = describe(Archive(archive).api(), tmp_path / "offline")
    assert offline == online
    assert {"photos", "photos:v0", "photos:v1", "shown", "shown:v0"} <= online.keys()
    assert [run.id for run in Archive(archive).api().artifact(
        "local/vision/photos:v1").used_by()] == ["two"]  # fmt: skip


def test_views_show_what_came_over(filled: Api, archive: Store) -> None:
    bring(filled, archive)
    opened = Archive(archive)
    rows = opened.sql(
        "select collection, version, aliases, logged_by, linked_from from artifacts order by all"
    )
    assert rows.fetchall() == [
        ("photos", "v0", ["best"], "one", None),
        ("photos", "v1", ["latest"], "one", None),
        ("shown", "v0", ["latest", "prod"], "one", "local/vision/photos:v1"),
    ]
    used = opened.sql("select run_id, artifact from lineage where direction = 'input'")
    assert used.fetchall() == [("two", "local/vision/photos:v1")]
    files = opened.sql("select path, ref, blob is null from artifact_files where version = 'v0'")
    address = "https://example.com/b.txt"
    assert sorted(files.fetchall()) == [("b.txt", address, True), ("deep/a.txt", None, False)]
    assert opened.sql("select method, state, expected_runs from sweeps").fetchall() == [
        ("grid", "PENDING", 2)
    ]
    assert opened.sql("select display_name from reports").fetchall() == [("Findings",)]
    assert check(archive, read_data=True) == []


def test_a_second_sync_fetches_no_bytes_and_writes_nothing(filled: Api, archive: Store) -> None:
    bring(filled, archive)
    before = archive.path.stat().st_mtime_ns
    received = filled.client.session.stats.bytes_received
    report = bring(filled, archive)
    assert report.parts == {"artifacts": 0, "sweeps": 0, "reports": 0}
    assert not report.changed
    assert archive.path.stat().st_mtime_ns == before
    assert filled.client.session.stats.bytes_received - received < 20_000


def test_edits_new_versions_and_deletions_are_noticed(
    filled: Api, archive: Store, tmp_path: Path
) -> None:
    bring(filled, archive)
    first = filled.artifact("local/vision/photos:v0")
    first.description, first.tags = "old", ["kept"]
    first.save()
    filled.run("local/vision/one").log_artifact(draft(tmp_path, b"third"))
    filled.artifact("local/vision/photos:v1").delete(delete_aliases=True)
    report = bring(filled, archive)
    assert report.parts["artifacts"] >= 3
    offline = Archive(archive).api()
    assert offline.artifact("local/vision/photos:latest").version == "v2"
    assert offline.artifact("local/vision/photos:v0").description == "old"
    assert not offline.artifact_exists("local/vision/photos:v1")
    kept = archive.cursor().execute(
        "select count(*) from stored.artifact_files f join stored.artifacts a using (artifact_no)"
        " where a.version_index = 1 and a.state = 'DELETED' and f.blob is not null"
    )
    assert kept.fetchall() == [(1,)]
    assert bring(filled, archive).parts["artifacts"] == 0


def test_a_version_whose_bytes_are_gone_is_named_and_tried_again(
    filled: Api, archive: Store, store: Store
) -> None:
    with store.transaction() as cursor:
        cursor.execute("update stored.artifact_files set blob = repeat('0', 64) where ref is null")
    report = bring(filled, archive)
    assert report.status == "partial"
    assert "local/vision/photos:v0" in report.failures
    assert report.parts["artifacts"] == 0
    with store.transaction() as cursor:
        cursor.execute("delete from stored.artifact_files where ref is null")
    assert bring(filled, archive).status == "partial"


def test_what_no_sync_has_brought_over_is_refused_by_name(filled: Api, archive: Store) -> None:
    bring(filled, archive, include=("history", "sweeps"))
    offline = Archive(archive).api()
    assert [run.id for run in offline.runs("local/vision")] == ["one", "two"]
    assert len(offline.project("vision", "local").sweeps()) == 1
    for read in (
        lambda: list(offline.reports("local/vision")),
        lambda: offline.artifact("local/vision/photos:v0"),
        lambda: list(offline.run("local/vision/one").logged_artifacts()),
    ):
        with pytest.raises(WbexportError, match=r"no (reports|artifacts) of local/vision"):
            read()


def test_what_no_sync_brings_over_is_refused_by_name(filled: Api, archive: Store) -> None:
    bring(filled, archive)
    offline = Archive(archive).api()
    for what, read in {
        "automations": lambda: list(offline.automations(entity="local")),
        "integrations": lambda: list(offline.integrations(entity="local")),
        "members": lambda: offline.team("local"),
    }.items():
        with pytest.raises(WbexportError, match=f"no {what} of local"):
            read()


def test_a_project_that_is_gone_is_an_error(api: Api, archive: Store) -> None:
    with pytest.raises(NotFoundError, match="local/nothing"):
        sync("local/nothing", archive, api=api, include=PARTS)
