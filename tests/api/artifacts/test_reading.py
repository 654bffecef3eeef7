"""Opening artifacts, types and collections: what is there, in order, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.api.conftest import connect_to
from tests.api.stub import Stub, StubError, connection
from wbexport.api.artifacts import Artifact
from wbexport.errors import (
    ConflictError,
    GraphQLError,
    InputError,
    NotFoundError,
    PathError,
    TransportError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wbexport.api.client import Api
    from wbexport.api.run import Run


@pytest.fixture(scope="module")
def api(shared: Api, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """Three versions of `notes` beside the one of `photos`; `shelf` links the second."""
    run = shared.run("vision/one")
    for number in range(3):
        draft = Artifact("notes", "text", metadata={"number": number})
        with draft.new_file("note.txt") as file:
            file.write(f"note {number}")
        run.log_artifact(draft, tags=["even"] if number % 2 == 0 else ["odd"])
    shared.artifact("vision/notes:v1").link("vision/shelf", aliases=["kept"])
    other = shared.create_run(run_id="two", project="vision")
    other.use_artifact(shared.artifact("vision/photos:v0"), use_as="input")
    other.use_artifact(shared.artifact("vision/shelf:kept"))
    return shared


@pytest.fixture
def run(api: Api) -> Run:
    return api.run("vision/one")


def names(listing: Any) -> list[str]:
    return [each.name for each in listing]


def test_a_version_is_named_as_it_was_asked_for(api: Api) -> None:
    asked = ["vision/notes:latest", "local/vision/notes:v2", "vision/notes"]
    got = [api.artifact(name) for name in asked]
    assert names(got) == ["notes:latest", "notes:v2", "notes:v2"]
    assert {each.version for each in got} == {"v2"}
    assert {each.digest for each in got} == {got[0].manifest.digest()}
    assert got[0].qualified_name == "local/vision/notes:latest"
    assert got[0].source_qualified_name == "local/vision/notes:v2"
    assert api.artifact("vision/notes:v0", type="text").metadata == {"number": 0}


def test_all_fields_of_a_version_are_there(api: Api) -> None:
    version = api.artifact("vision/notes:v2")
    assert (version.type, version.state, version.file_count, version.size) == (
        "text",
        "COMMITTED",
        1,
        6,
    )
    assert (version.aliases, version.tags, version.ttl) == (["latest"], ["even"], None)
    assert (version.is_link, version.linked_at, version.history_step) == (False, None, None)
    assert version.created_at.endswith("Z")
    assert version.updated_at >= version.created_at
    assert version.url.endswith("/local/vision/artifacts/text/notes/v2")
    assert (version.entity, version.project, version.source_version) == ("local", "vision", "v2")
    assert repr(version) == "<Artifact local/vision/notes:v2>"
    assert version.json_encode()["sequenceName"] == "notes"
    with pytest.warns(FutureWarning):
        assert version.use_as is None
    with pytest.warns(FutureWarning):
        assert version.get_path("note.txt").size == 6


def test_a_link_leads_to_its_source(api: Api) -> None:
    link = api.artifact("vision/shelf:kept")
    assert (link.is_link, link.name, link.version) == (True, "shelf:kept", "v0")
    assert (link.source_name, link.source_collection.name) == ("notes:v1", "notes")
    assert link.collection.name == "shelf"
    assert link.source_artifact.qualified_name == "local/vision/notes:v1"
    assert link.linked_artifacts == []
    assert link.linked_at is not None
    (found,) = link.source_artifact.linked_artifacts
    assert (found.qualified_name, found.aliases) == ("local/vision/shelf:v0", ["kept", "latest"])
    assert link.metadata == {"number": 1}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("vision/nothing:v0", NotFoundError),
        ("vision/notes:v9", NotFoundError),
        ("vision/notes:nothing", NotFoundError),
        ("nothing/notes:v0", NotFoundError),
        ("nobody/vision/notes:v0", NotFoundError),
        ("", InputError),
        (None, InputError),
        ("a/b/c/d:v0", PathError),
        ("../notes:v0", PathError),
    ],
)
def test_what_is_not_there_is_named(api: Api, name: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        api.artifact(name)
    assert isinstance(caught.value, ValueError)
    if name:
        assert name.partition(":")[0] in str(caught.value)


def test_another_type_is_refused(api: Api) -> None:
    with pytest.raises(InputError, match="'text', not 'model'"):
        api.artifact("vision/notes:v0", type="model")


def test_existence_is_told_without_an_error(api: Api) -> None:
    assert api.artifact_exists("vision/notes:v1")
    assert api.artifact_exists("vision/notes:v1", "text")
    assert not api.artifact_exists("vision/notes:v1", type="model")
    assert not api.artifact_exists("vision/notes:v7")
    assert not api.artifact_exists("nothing/notes:v1")
    assert api.artifact_collection_exists("vision/notes", "text")
    assert not api.artifact_collection_exists("vision/notes", "model")
    assert not api.artifact_collection_exists(name="vision/nothing", type="text")


def refusing(error: Exception) -> Callable[[dict[str, Any]], Any]:
    def answer(_: dict[str, Any]) -> Any:
        raise error

    return answer


def test_a_refusal_of_the_server_is_no_existence_and_a_timeout_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = {
        "ArtifactMembership": refusing(StubError("no")),
        "ArtifactCollection": refusing(StubError("no")),
    }
    api = connect_to(Stub(failing))
    assert not api.artifact_exists("team/vision/notes:v1")
    assert not api.artifact_collection_exists("team/vision/notes", "text")
    for error in (TransportError("slow"), GraphQLError("slow", status=504)):
        monkeypatch.setattr(
            type(api.client), "execute", lambda *_, error=error: refusing(error)({})
        )
        with pytest.raises(type(error)):
            api.artifact_exists("team/vision/notes:v1")
        with pytest.raises(type(error)):
            api.artifact_collection_exists("team/vision/notes", "text")


def test_the_versions_of_a_collection_come_latest_first(api: Api) -> None:
    versions = api.artifacts("text", "vision/notes", per_page=2)
    assert (len(versions), versions.length) == (3, 3)
    assert names(versions) == ["notes:v2", "notes:v1", "notes:v0"]
    assert names(api.artifacts("text", "vision/notes", tags=["even"])) == ["notes:v2", "notes:v0"]
    assert len(api.artifacts("text", "vision/notes", tags=["even"])) == 3
    assert names(api.artifacts("text", "vision/notes", order="+created_at"))[0] == "notes:v0"
    first = api.artifacts("text", "vision/notes", per_page=2)
    first.next()
    assert names(api.artifacts("text", "vision/notes", start=first.cursor)) == ["notes:v0"]
    assert repr(versions) == "<Artifacts local/vision/notes>"
    with pytest.warns(FutureWarning, match="artifact_versions"):
        assert names(api.artifact_versions("text", "vision/notes"))[0] == "notes:v2"
    assert names(api.artifacts("text", "vision/shelf")) == ["shelf:v0"]


def test_versions_of_what_is_not_there_are_an_error(api: Api) -> None:
    for name, type_name in (("nothing", "text"), ("notes", "model")):
        with pytest.raises(NotFoundError, match=name):
            list(api.artifacts(type_name, f"vision/{name}"))
    with pytest.raises(InputError, match="tag"):
        api.artifacts("text", "vision/notes", tags=["a/b"])


def test_types_and_their_collections_are_listed(api: Api) -> None:
    assert names(api.artifact_types("vision")) == ["dataset", "text"]
    assert names(api.project("vision").artifacts_types(per_page=1)) == ["dataset", "text"]
    kind = api.artifact_type("text", "vision")
    assert (kind.name, kind.type, repr(kind)) == ("text", "text", "<ArtifactType text>")
    assert kind.id
    assert kind.created_at.endswith("Z")
    assert kind.description is None
    assert sorted(names(kind.collections())) == ["notes", "shelf"]
    assert kind.collection("notes").is_sequence()
    collections = api.artifact_collections("vision", "text", per_page=1)
    assert (len(collections), collections.length) == (2, 2)
    assert sorted(names(collections)) == ["notes", "shelf"]
    assert sorted(names(api.project("vision").collections(per_page=2))) == [
        "notes",
        "photos",
        "shelf",
    ]
    for listing in (
        api.artifact_types("nothing"),
        api.artifact_collections("vision", "nothing"),
        api.project("nothing").collections(),
    ):
        with pytest.raises(NotFoundError):
            list(listing)
    with pytest.raises(NotFoundError, match="'nothing' in local/vision"):
        api.artifact_type("nothing", "vision")
    with pytest.raises(NotFoundError, match="vision/nothing"):
        kind.collection("nothing")


def test_collections_are_filtered_and_ordered_where_the_server_can(api: Api) -> None:
    listing = api.artifact_collections("vision", "text", filters={"name": "notes"}, order="-name")
    assert names(listing) == ["notes"]
    stub = Stub({"ServerFeatures": lambda _: {"serverInfo": {"features": []}}})
    with pytest.raises(UnsupportedError, match="ordering artifact collections"):
        connect_to(stub).artifact_collections("team/vision", "text", order="name")


def test_a_run_knows_what_it_logged_and_used(api: Api, run: Run) -> None:
    logged = run.logged_artifacts(per_page=2)
    assert sorted(names(logged)) == ["notes:v0", "notes:v1", "notes:v2", "photos:v0"]
    assert (len(logged), logged.length) == (4, 4)
    assert repr(logged) == "<RunArtifacts local/vision/one>"
    other = api.run("vision/two")
    assert sorted(names(other.used_artifacts())) == ["notes:v1", "photos:v0"]
    assert names(other.logged_artifacts()) == []
    photos = api.artifact("vision/photos:v0")
    assert [each.id for each in photos.used_by()] == ["two"]
    made_by = photos.logged_by()
    assert made_by is not None
    assert made_by.id == "one"


def test_only_logged_artifacts_are_used(run: Run) -> None:
    for wrong in ("vision/notes:v0", Artifact("new", "text"), None):
        with pytest.raises(InputError, match="use_artifact"):
            run.use_artifact(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="log_artifact"):
        run.log_artifact("vision/notes:v0")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="mode"):
        wbexport.api.artifacts.RunArtifacts(run.client, run, "read")  # type: ignore[arg-type]


def test_an_older_server_that_counts_nothing_is_counted_by_its_pages() -> None:
    nodes = [
        {
            "id": f"id-{number}",
            "versionIndex": number,
            "artifactSequence": _place("notes"),
            "artifactType": {"name": "text"},
            "state": "COMMITTED",
        }
        for number in range(3)
    ]

    def answer(variables: dict[str, Any]) -> Any:
        page = connection(nodes, variables)
        for edge in page["edges"]:
            edge["version"] = f"v{edge['node']['versionIndex']}"
        collection = {"artifactCollection": {"artifacts": page}}
        return {"project": {"artifactType": collection}}

    listing = connect_to(Stub({"Artifacts": answer})).artifacts("text", "team/vision/notes", 2)
    assert len(listing) == 3
    assert names(listing) == ["notes:v0", "notes:v1", "notes:v2"]


def _place(name: str) -> dict[str, Any]:
    return {"name": name, "project": {"name": "vision", "entity": {"name": "team"}}}


@pytest.mark.parametrize("name", ["a b", "", "..", "a/b", "a:b", "x" * 129])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not a name"):
        wbexport.Artifact(name, "text")


@pytest.mark.parametrize("kind", ["", "a/b", "a:b", "job", "wandb-history", "x" * 129])
def test_a_type_that_cannot_be_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="type"):
        wbexport.Artifact("ok", kind)
    with pytest.raises(InputError, match="reserved"):
        wbexport.Artifact("run-1", "run_table")


@pytest.mark.parametrize(
    "metadata",
    [{str(n): n for n in range(101)}, {"inf": float("inf")}, {"odd": object()}],
)
def test_metadata_that_cannot_be_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="metadata"):
        wbexport.Artifact("ok", "text", metadata=metadata)
    made = wbexport.Artifact("ok", "text", metadata={"nan": float("nan"), "pair": (1, 2)})
    assert made.metadata == {"nan": None, "pair": [1, 2]}
    with pytest.raises(InputError, match="metadata"):
        made.metadata = metadata


def test_a_draft_that_was_never_logged_has_no_relatives(tmp_path: Path) -> None:
    draft = Artifact("new", "text")
    for look in (draft.logged_by, draft.used_by, draft.unlink, draft.new_draft, draft.delete):
        with pytest.raises(ConflictError):
            look()
    for field in ("collection", "source_artifact", "linked_artifacts", "url", "tags"):
        if field == "source_artifact":
            assert draft.source_artifact is draft
            continue
        with pytest.raises(ConflictError):
            getattr(draft, field)
