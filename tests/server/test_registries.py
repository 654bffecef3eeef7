"""Registries by the raw protocol: making, renaming, deleting, members, and searches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.artifact_client import Logger
from tests.server.client import Raw, application

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = """id name description access createdAt updatedAt allowAllArtifactTypesInRegistry
    entity { name organization { name } } artifactTypes { edges { node { name } } }"""
SAVE = f"""mutation ($input: UpsertModelInput!) {{
    upsertModel(input: $input) {{ inserted project {{ {FIELDS} }} }} }}"""
RENAME = """mutation ($input: RenameProjectInput!) {
    renameProject(input: $input) { inserted project { id name } } }"""
DELETE = "mutation ($id: String) { deleteModel(input: {id: $id}) { success } }"
LINK = """mutation ($input: LinkArtifactInput!) {
    linkArtifact(input: $input) { versionIndex } }"""
SEARCH = """query ($of: JSONString, $in: JSONString, $that: JSONString, $order: String,
               $first: Int, $after: String) {
    organization(name: "local") { advancedRegistryFeatures { advancedSearch } orgEntity {
        projects(filters: $of) { edges { node { name } } }
        artifactCollections(projectFilters: $of, filters: $in) {
            totalCount edges { node { name } } }
        artifactMemberships(projectFilters: $of, collectionFilters: $in, filters: $that,
                            order: $order, first: $first, after: $after) {
            edges { cursor node { versionIndex artifact { digest }
                                  artifactCollection { name project { name } } } }
            pageInfo { hasNextPage endCursor } } } } }"""


@pytest.fixture
def raw() -> Iterator[Raw]:
    with application() as opened:
        yield opened


def save(raw: Raw, name: str, **given: Any) -> dict[str, Any]:
    given = {"entityName": "local_org", "name": f"wandb-registry-{name}"} | given
    saved: dict[str, Any] = raw.data(SAVE, input=given)["upsertModel"]
    return saved


def message(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


def types(project: dict[str, Any]) -> list[str]:
    return [edge["node"]["name"] for edge in project["artifactTypes"]["edges"]]


def link(raw: Raw, artifact: str, registry: str, collection: str, **given: Any) -> dict[str, Any]:
    place = {"entityName": "local", "projectName": f"wandb-registry-{registry}"}
    given = {"artifactID": artifact, "artifactPortfolioName": collection} | place | given
    return raw.graphql(LINK, input=given)


def test_a_registry_is_made_and_changed_by_name(raw: Raw) -> None:
    made = save(raw, "a", description="first")
    assert (made["inserted"], made["project"]["access"]) == (True, "PRIVATE")
    assert made["project"]["allowAllArtifactTypesInRegistry"] is True
    assert made["project"]["entity"] == {"name": "local_org", "organization": {"name": "local"}}
    changed = save(raw, "a", access="RESTRICTED", allowAllArtifactTypesInRegistry=False)
    assert (changed["inserted"], changed["project"]["description"]) == (False, "first")
    assert changed["project"]["allowAllArtifactTypesInRegistry"] is False
    assert changed["project"]["updatedAt"] > changed["project"]["createdAt"]
    limited = save(raw, "b", artifactTypes=[{"name": "model"}])["project"]
    assert (limited["allowAllArtifactTypesInRegistry"], types(limited)) == (False, ["model"])
    grown = save(raw, "b", artifactTypes=[{"name": "data"}, {"name": "model"}])["project"]
    assert types(grown) == ["data", "model"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "other"}, "only has registries"),
        ({"name": "wandb-registry-"}, "only has registries"),
        ({"name": "wandb-registry-a/b"}, "is no name for a project"),
        ({"name": "wandb-registry-" + "x" * 128}, "is no name for a project"),
        ({"access": "ENTITY_READ"}, "is PRIVATE or RESTRICTED"),
        ({"artifactTypes": [{"name": "a/b"}]}, "is no name for an artifact type"),
    ],
)
def test_what_no_registry_may_be_is_refused(raw: Raw, given: dict[str, Any], problem: str) -> None:
    given = {"entityName": "local_org", "name": "wandb-registry-a"} | given
    assert problem in message(raw.graphql(SAVE, input=given))
    assert raw.data(SEARCH)["organization"]["orgEntity"]["projects"]["edges"] == []


def test_only_registries_are_renamed_and_to_free_names(raw: Raw) -> None:
    first = save(raw, "a")["project"]
    save(raw, "b")
    raw.data(SAVE, input={"entityName": "team", "name": "plain"})

    def rename(entity: str, old: str, new: str) -> dict[str, Any]:
        given = {"entityName": entity, "oldProjectName": old, "newProjectName": new}
        return raw.graphql(RENAME, input=given)

    a, b, c = (f"wandb-registry-{name}" for name in "abc")
    assert "already" in message(rename("local_org", a, b))
    assert "only registries" in message(rename("team", "plain", "other"))
    assert "only registries" in message(rename("local_org", a, "other"))
    assert "there is no registry" in message(rename("local_org", c, "wandb-registry-d"))
    renamed = rename("local", a, c)["data"]["renameProject"]
    assert renamed == {"inserted": False, "project": {"id": first["id"], "name": c}}
    assert save(raw, "a")["project"]["id"] != first["id"]


def test_a_deleted_project_takes_all_that_is_in_it_along(raw: Raw) -> None:
    logger = Logger(raw, "net", {"a.txt": b"text"})
    logger.log()
    registry = save(raw, "a")["project"]
    assert "errors" not in link(raw, logger.id, "a", "nets")
    assert raw.data(DELETE, id=registry["id"])["deleteModel"]["success"]
    assert "no project with id" in message(raw.graphql(DELETE, id=registry["id"]))
    assert raw.data("query ($id: ID!) { artifact(id: $id) { state } }", id=logger.id)["artifact"]
    raw.upsert("r1")
    raw.log("r1", ['{"loss": 1}'])
    project = raw.in_project("id")["id"]
    assert raw.data(DELETE, id=project)["deleteModel"]["success"]
    cursor = raw.app.service.store.cursor()
    for table in (
        "projects",
        "runs",
        "history",
        "run_keys",
        "artifacts",
        "artifact_collections",
        "artifact_members",
        "artifact_files",
        "artifact_types",
        "project_members",
    ):
        assert cursor.execute(f"select count(*) from stored.{table}").fetchall() == [(0,)], table


def test_a_link_needs_a_registry_that_is_there_and_takes_the_type(raw: Raw) -> None:
    logger = Logger(raw, "net", {"a.txt": b"text"})
    logger.log()
    save(raw, "data", artifactTypes=[{"name": "other"}])
    assert "there is no registry" in message(link(raw, logger.id, "none", "nets"))
    assert "takes artifacts of type other" in message(link(raw, logger.id, "data", "nets"))
    projects = raw.app.service.store.cursor().execute("select project from stored.projects")
    assert sorted(name for (name,) in projects.fetchall()) == ["demo", "wandb-registry-data"]


def test_searches_go_through_registries_collections_and_versions(raw: Raw) -> None:
    loggers = [Logger(raw, "net", {"a.txt": text}) for text in (b"one", b"three")]
    for logger in loggers:
        logger.log()
    for registry in ("a", "b"):
        save(raw, registry)
        for logger in loggers:
            assert "errors" not in link(raw, logger.id, registry, f"{registry}-nets")

    def found(**given: Any) -> list[str]:
        given = {name: json.dumps(value) for name, value in given.items()}
        entity = raw.data(SEARCH, order="+artifact_size", **given)["organization"]["orgEntity"]
        nodes = [edge["node"] for edge in entity["artifactMemberships"]["edges"]]
        return [f"{each['artifactCollection']['name']}:v{each['versionIndex']}" for each in nodes]

    everything = ["a-nets:v0", "b-nets:v0", "a-nets:v1", "b-nets:v1"]
    assert sorted(found()) == sorted(everything)
    assert found(of={"name": "wandb-registry-b"}) == ["b-nets:v0", "b-nets:v1"]
    assert found(**{"in": {"name": {"$regex": "^a"}}}) == ["a-nets:v0", "a-nets:v1"]
    assert found(that={"alias": "latest"}, of={"name": "wandb-registry-a"}) == ["a-nets:v1"]
    assert found(that={"version": 0}, of={"name": {"$regex": "b$"}}) == ["b-nets:v0"]
    assert found(of={"name": "none"}) == []
    pages, after = [], None
    for _ in range(4):
        entity = raw.data(SEARCH, first=1, after=after)["organization"]["orgEntity"]
        assert entity["artifactCollections"]["totalCount"] == 2
        page = entity["artifactMemberships"]
        pages += [edge["node"]["artifact"]["digest"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert (len(pages), page["pageInfo"]["hasNextPage"]) == (4, False)


@pytest.mark.parametrize(
    "given",
    [
        {"of": '{"nope": 1}'},
        {"in": '{"$where": 1}'},
        {"that": "[1]"},
        {"that": "{"},
        {"order": "tags"},
        {"after": "x"},
    ],
)
def test_searches_that_mean_nothing_are_errors(raw: Raw, given: dict[str, Any]) -> None:
    messages = {error["message"] for error in raw.graphql(SEARCH, **given)["errors"]}
    assert messages
    assert "internal error" not in messages


def test_members_are_users_and_teams_that_are_there(raw: Raw) -> None:
    registry = save(raw, "a")["project"]["id"]
    add = """mutation ($input: CreateProjectMembersInput!) {
        createProjectMembers(input: $input) { success } }"""
    role = """mutation ($input: UpdateProjectMemberInput!) {
        updateProjectMember(input: $input) { success } }"""
    viewer = raw.data("{ viewer { id } }")["viewer"]["id"]
    for given, problem in (
        ({"projectId": "x", "userIds": []}, "no project with id x"),
        ({"projectId": registry, "userIds": ["x"]}, "no user with id x"),
        ({"projectId": registry, "teamIds": [viewer]}, "no team with id"),
    ):
        assert problem in message(raw.graphql(add, input=given))
    given = {"projectId": registry, "userId": viewer, "userProjectRole": "king"}
    assert "'king' is no role" in message(raw.graphql(role, input=given))
    members = '{ project(entityName: "local", name: "wandb-registry-a") { members {'
    members += " username role { name } } teamMembers { team { name } } } }"
    assert raw.data(members)["project"] == {
        "members": [{"username": "local", "role": {"name": "admin"}}],
        "teamMembers": [],
    }
