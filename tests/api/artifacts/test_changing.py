"""Changing what is logged: aliases, tags, fields, links and collections, and deleting them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from wbexport.api.artifacts import Artifact, ArtifactTTL
from wbexport.errors import ConflictError, GraphQLError, InputError, NotFoundError

if TYPE_CHECKING:
    from wbexport.api.client import Api
    from wbexport.api.run import Run


@pytest.fixture
def api(shared: Api) -> Api:
    return shared


@pytest.fixture
def run(api: Api) -> Run:
    return api.run("vision/one")


def log(run: Run, name: str, content: str = "text", **options: object) -> Artifact:
    draft = Artifact(name, "text")
    with draft.new_file("note.txt") as file:
        file.write(content)
    return run.log_artifact(draft, **options)  # type: ignore[arg-type]


def test_every_field_is_saved_and_read_back(api: Api, run: Run) -> None:
    version = log(run, "fields", aliases=["old", "kept"], tags=["gone", "stays"])
    version.aliases = ["kept", "latest", "new"]
    version.tags.remove("gone")
    version.tags.append("added")
    version.description = "words"
    version.metadata["deep"] = {"list": [1, None, "é"]}
    version.ttl = timedelta(hours=5)
    version.save()
    again = api.artifact("vision/fields:new")
    for each in (version, again):
        assert sorted(each.aliases) == ["kept", "latest", "new"]
        assert sorted(each.tags) == ["added", "stays"]
        assert each.description == "words"
        assert each.metadata == {"deep": {"list": [1, None, "é"]}}
        assert each.ttl == timedelta(hours=5)
    assert not api.artifact_exists("vision/fields:old")
    again.ttl = None
    again.save()
    assert api.artifact("vision/fields:v0").ttl is None
    again.ttl = ArtifactTTL.INHERIT
    with pytest.raises(ConflictError, match="save the artifact"):
        _ = again.ttl
    again.save()
    assert again.ttl is None


def test_saving_without_a_change_changes_nothing(api: Api, run: Run) -> None:
    version = log(run, "same", aliases=["a"], tags=["b"])
    before = vars_of(version)
    version.save()
    assert vars_of(api.artifact("vision/same:v0")) == before


def vars_of(version: Artifact) -> dict[str, object]:
    names = ("aliases", "tags", "description", "metadata", "digest", "size", "version")
    return {name: getattr(version, name) for name in names}


@pytest.mark.parametrize("alias", ["a/b", "a:b", ""])
def test_an_alias_that_cannot_be_is_refused(api: Api, run: Run, alias: str) -> None:
    version = api.artifact("vision/photos:v0")
    with pytest.raises(InputError, match="alias"):
        version.aliases = [alias]
    version.aliases.append(alias)
    with pytest.raises(InputError, match="alias"):
        version.save()
    with pytest.raises(InputError, match="alias"):
        version.link("vision/shelf", aliases=[alias])
    with pytest.raises(InputError, match="alias"):
        log(run, "refused", aliases=[alias])


@pytest.mark.parametrize("tag", ["a/b", " a", "", "a,b"])
def test_a_tag_that_cannot_be_is_refused(api: Api, run: Run, tag: str) -> None:
    version = api.artifact("vision/photos:v0")
    with pytest.raises(InputError, match="tag"):
        version.tags = [tag]
    version.tags.append(tag)
    with pytest.raises(InputError, match="tag"):
        version.save()
    with pytest.raises(InputError, match="tag"):
        log(run, "refused", tags=[tag])
    with pytest.raises(InputError, match="tag"):
        api.artifact_collection("dataset", "vision/photos").tags = [tag]


def test_an_alias_moves_with_the_version_that_takes_it(api: Api, run: Run) -> None:
    first = log(run, "moving", "one", aliases=["best"])
    second = log(run, "moving", "two", aliases=["best"])
    assert (first.version, second.version) == ("v0", "v1")
    assert api.artifact("vision/moving:best").version == "v1"
    assert api.artifact("vision/moving:v0").aliases == []


def test_links_are_made_and_taken_away(api: Api, run: Run) -> None:
    version = log(run, "linked")
    link = version.link("vision/showcase", aliases=["prod"])
    assert (link.qualified_name, link.is_link, sorted(link.aliases)) == (
        "local/vision/showcase:v0",
        True,
        ["latest", "prod"],
    )
    with pytest.raises(InputError, match="source artifact"):
        link.ttl = timedelta(days=1)
    link.aliases = ["prod", "other"]
    link.description = "shared"
    link.save()
    assert sorted(api.artifact("vision/showcase:v0").aliases) == ["other", "prod"]
    assert api.artifact("vision/linked:v0").description == "shared"
    with pytest.raises(ConflictError, match="no link"):
        version.unlink()
    link.unlink()
    assert not api.artifact_exists("vision/showcase:v0")
    version.link("vision/showcase").delete()
    assert not api.artifact_exists("vision/showcase:v1")
    assert api.artifact_exists("vision/linked:v0")


def test_a_draft_is_saved_before_it_is_linked(api: Api) -> None:
    draft = Artifact("fresh", "text")
    with draft.new_file("note.txt") as file:
        file.write("new")
    draft._client = api.client
    link = draft.link("uncategorized/showcase")
    assert link.source_qualified_name == "local/uncategorized/fresh:v0"


def test_a_version_is_linked_to_a_registry(api: Api, run: Run) -> None:
    organization = api.organization().name
    api.create_registry("texts", "organization", organization=organization)
    version = log(run, "registered")
    link = version.link("wandb-registry-texts/approved", aliases=["gold"])
    assert link.project == "wandb-registry-texts"
    for name in (
        "wandb-registry-texts/approved:gold",
        f"{organization}/wandb-registry-texts/approved:v0",
        f"{link.entity}/wandb-registry-texts/approved",
    ):
        found = api.artifact(name)
        assert (found.source_name, found.is_link) == ("registered:v0", True)
    assert f"/orgs/{organization}/registry/texts?selectionPath=" in link.url
    with pytest.raises(NotFoundError, match="nobody"):
        api.artifact("nobody/wandb-registry-texts/approved:v0")
    assert not api.artifact_exists("nobody/wandb-registry-texts/approved:v0")


def test_a_version_is_deleted_with_its_aliases_only_when_that_is_meant(api: Api, run: Run) -> None:
    version = log(run, "deleted", aliases=["important"])
    with pytest.raises(GraphQLError, match="alias"):
        version.delete()
    assert api.artifact_exists("vision/deleted:v0")
    version.delete(delete_aliases=True)
    assert not api.artifact_exists("vision/deleted:v0")
    assert not api.artifact_exists("vision/deleted:important")
    assert [each.version for each in api.artifacts("text", "vision/deleted")] == []


def test_a_collection_is_described_renamed_tagged_and_moved(api: Api, run: Run) -> None:
    log(run, "plain")
    collection = api.artifact_collection("text", "vision/plain")
    assert (collection.description, collection.tags, collection.is_sequence()) == (None, [], True)
    assert (collection.entity, collection.project) == ("local", "vision")
    assert collection.id
    assert collection.project_id
    assert collection.created_at.endswith("Z")
    assert collection.aliases == ["latest"]
    assert [each.name for each in collection.artifacts()] == ["plain:v0"]
    assert repr(collection) == "<ArtifactCollection plain (text)>"
    collection.name, collection.description = "renamed", "words"
    collection.tags = ["one", "two"]
    collection.type = "prose"
    collection.save()
    again = api.artifact_collection("prose", "vision/renamed")
    assert (again.description, sorted(again.tags)) == ("words", ["one", "two"])
    assert again.updated_at is not None
    again.tags = ["two", "three"]
    again.save()
    assert sorted(api.artifact_collection("prose", "vision/renamed").tags) == ["three", "two"]
    with pytest.warns(FutureWarning, match="change_type"):
        again.change_type("text")
    assert [each.name for each in again.artifacts()] == ["renamed:v0"]
    with pytest.raises(NotFoundError):
        api.artifact_collection("prose", "vision/renamed")


def test_a_collection_does_not_take_a_reserved_type(api: Api) -> None:
    collection = api.artifact_collection("dataset", "vision/photos")
    collection.type = "job"
    with pytest.raises(InputError, match="reserved"):
        collection.save()
    assert api.artifact_collection("dataset", "vision/photos").type == "dataset"


def test_a_collection_of_links_keeps_its_type(api: Api, run: Run) -> None:
    log(run, "for-links").link("vision/links")
    links = api.artifact_collection("text", "vision/links")
    assert not links.is_sequence()
    with pytest.raises(InputError, match="collects links"):
        links.type = "other"
    links.description = "picked"
    links.save()
    assert api.artifact_collection("text", "vision/links").description == "picked"
    links.delete()
    assert not api.artifact_collection_exists("vision/links", "text")
    assert api.artifact_exists("vision/for-links:v0")


def test_a_deleted_collection_takes_its_versions_along(api: Api, run: Run) -> None:
    log(run, "doomed")
    api.artifact_collection("text", "vision/doomed").delete()
    assert not api.artifact_exists("vision/doomed:v0")
    assert not api.artifact_collection_exists("vision/doomed", "text")


def test_read_only_settings_refuse_every_change(api: Api, run: Run) -> None:
    version = log(run, "guarded")
    collection = api.artifact_collection("text", "vision/guarded")
    collection.description = "changed"
    version.description = "changed"
    object.__setattr__(api.settings, "read_only", True)
    try:
        for change in (
            version.save,
            version.delete,
            lambda: version.link("vision/shelf"),
            collection.save,
            collection.delete,
            lambda: run.use_artifact(version),
        ):
            with pytest.raises(InputError, match="read-only"):
                change()
    finally:
        object.__setattr__(api.settings, "read_only", False)
    assert api.artifact("vision/guarded:v0").description is None
