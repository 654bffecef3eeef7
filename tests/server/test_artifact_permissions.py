"""Artifacts and their bytes are seen and changed by those who may, and by nobody else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.artifact_client import Logger
from tests.server.client import Raw, application, authorization

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {"a.txt": b"a secret of the lab"}
CREATE_USER = """mutation ($email: String!) { createUser(input: {email: $email}) {
    user { apiKeys { edges { node { name } } } } } }"""
CREATE_TEAM = """mutation ($name: String!) {
    createTeam(input: {teamName: $name}) { entity { name } } }"""
INVITE = """mutation ($entity: String!, $username: String) {
    createInvite(input: {entityName: $entity, username: $username}) { invite { id } } }"""
VERSION = """query ($id: ID!) { artifact(id: $id) {
    state artifactSequence { name project { name } } aliases { alias }
    currentManifest { file { directUrl } } files { edges { node { name directUrl } } } } }"""
MEMBER = """query ($entity: String!, $project: String!, $name: String!) {
    project(entityName: $entity, name: $project) { artifactCollectionMembership(name: $name) {
        versionIndex artifact { id state files { edges { node { directUrl } } } } } } }"""
LINK = """mutation ($input: LinkArtifactInput!) { linkArtifact(input: $input) { versionIndex } }"""
DELETE = """mutation ($id: ID!) { deleteArtifact(input: {artifactID: $id, deleteAliases: true}) {
    artifact { id } } }"""


@pytest.fixture
def owner() -> Iterator[Raw]:
    with application() as raw:
        yield raw


def user(owner: Raw, name: str) -> Raw:
    """Make a user and return their client."""
    made = owner.data(CREATE_USER, email=f"{name}@example.org")["createUser"]["user"]
    (key,) = made["apiKeys"]["edges"]
    return owner.with_headers(authorization(key["node"]["name"]))


@pytest.fixture
def ada(owner: Raw) -> Raw:
    """A member of the team `lab`, who logged an artifact there."""
    client = user(owner, "ada")
    client.data(CREATE_TEAM, name="lab")
    return client


@pytest.fixture
def bob(owner: Raw) -> Raw:
    return user(owner, "bob")


def message(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


def test_a_member_logs_and_reads_an_artifact_of_the_team(owner: Raw, ada: Raw, bob: Raw) -> None:
    ada.data(INVITE, entity="lab", username="bob")
    storage_id = Logger(bob, "set", FILES, entity="lab").log(alias="best")
    found = ada.data(VERSION, id=storage_id)["artifact"]
    assert found["artifactSequence"] == {"name": "set", "project": {"name": "demo"}}
    assert sorted(each["alias"] for each in found["aliases"]) == ["best", "latest"]
    (edge,) = found["files"]["edges"]
    assert ada.follow("GET", edge["node"]["directUrl"]).data == FILES["a.txt"]


def test_a_stranger_sees_and_changes_no_artifact(ada: Raw, bob: Raw) -> None:
    storage_id = Logger(ada, "set", FILES, entity="lab").log()
    assert bob.data(VERSION, id=storage_id) == {"artifact": None}
    assert bob.data(MEMBER, entity="lab", project="demo", name="set") == {"project": None}
    assert "not visible" in message(bob.graphql(DELETE, id=storage_id))
    assert "may not write" in message(Logger(bob, "set", FILES, entity="lab").create())
    link = {"artifactID": storage_id, "artifactPortfolioName": "mine"}
    link |= {"entityName": "bob", "projectName": "demo"}
    assert "not visible" in message(bob.graphql(LINK, input=link))
    assert ada.data(VERSION, id=storage_id)["artifact"]["state"] == "COMMITTED"


def test_a_client_id_opens_no_more_than_an_id(ada: Raw, bob: Raw) -> None:
    secret = Logger(ada, "set", FILES, entity="lab")
    storage_id = secret.create(clientID="c" * 128)["data"]["createArtifact"]["artifact"]["id"]
    link = {"clientID": "c" * 128, "artifactPortfolioName": "mine"}
    link |= {"entityName": "bob", "projectName": "demo"}
    assert "not visible" in message(bob.graphql(LINK, input=link))
    assert bob.data(VERSION, id=storage_id) == {"artifact": None}
    own = {"entityName": "lab", "artifactPortfolioName": "shelf"}
    assert "errors" not in ada.graphql(LINK, input=link | own)


def test_who_knows_a_digest_does_not_get_the_bytes(ada: Raw, bob: Raw) -> None:
    storage_id = Logger(ada, "set", FILES, entity="lab").log()
    mine = Logger(bob, "set", FILES, entity="bob")
    mine.create()
    (node,) = mine.declare()
    assert node["uploadUrl"] is not None
    mine.send_manifest()
    assert "'a.txt'" in message(mine.commit())
    digest = hashlib.md5(FILES["a.txt"], usedforsecurity=False).hexdigest()
    for path in (
        f"/artifacts/lab/{digest}",
        f"/artifactsV2/default/lab/demo/set/{storage_id}/{digest}/a.txt",
    ):
        assert bob.call("GET", path, headers=bob.headers).status_code == 404
        assert ada.call("GET", path, headers=ada.headers).data == FILES["a.txt"]
    assert mine.upload(mine.declare()) == [200]
    assert "errors" not in mine.commit()


def test_a_link_shows_a_version_and_no_more_than_the_name_of_where_it_is_from(
    ada: Raw, bob: Raw
) -> None:
    ada.data(CREATE_TEAM, name="club")
    ada.data(INVITE, entity="club", username="bob")
    storage_id = Logger(ada, "set", FILES, entity="lab").log(alias="internal")
    link = {"artifactID": storage_id, "artifactPortfolioName": "shelf"}
    link |= {"entityName": "club", "projectName": "demo"}
    assert ada.data(LINK, input=link)["linkArtifact"] == {"versionIndex": 0}
    asked = bob.data(MEMBER, entity="club", project="demo", name="shelf:latest")["project"]
    linked = asked["artifactCollectionMembership"]["artifact"]
    assert (linked["id"], linked["state"]) == (storage_id, "COMMITTED")
    found = bob.data(VERSION, id=storage_id)["artifact"]
    inside = "artifact(id: $id) { artifactSequence { name description artifacts { totalCount } } }"
    source = bob.data(f"query ($id: ID!) {{ {inside} }}", id=storage_id)["artifact"]
    assert source["artifactSequence"] == {"name": "set", "description": None, "artifacts": None}
    assert found["aliases"] == [{"alias": "latest"}]
    (edge,) = found["files"]["edges"]
    assert bob.follow("GET", edge["node"]["directUrl"]).data == FILES["a.txt"]
    assert "not write" in message(bob.graphql(DELETE, id=storage_id))
