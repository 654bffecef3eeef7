"""Whatever is logged, named, linked and deleted, in any order, the server agrees with a model."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.artifact_client import Logger
from tests.server.client import Raw, application
from wbexport.store.check import check

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = """{ project(name: "demo", entityName: "team") { artifactCollections(first: 100) { edges {
    node { name artifacts(first: 100) { edges { version node { id } } }
        aliases(first: 100) { edges { node { alias } } } } } } } }"""
ALIASES = """query ($id: ID!) { artifact(id: $id) { artifactMemberships { edges { node {
    versionIndex aliases { alias } artifactCollection { name } } } } } }"""


class Model:
    """Collections as dictionaries: version to index, and alias to version.

    Args:
        raw: A client of the server that is held against it.
        seed: Of the choices.
    """

    def __init__(self, raw: Raw, seed: int) -> None:
        self.raw = raw
        self.choose = random.Random(seed)
        self.indexes: dict[str, dict[str, int]] = {}
        self.aliases: dict[str, dict[str, str]] = {}
        self.contents: dict[tuple[str, str], str] = {}
        self.next: dict[str, int] = {}

    def name(self, collection: str, version: str, alias: str) -> None:
        self.aliases.setdefault(collection, {})[alias] = version

    def join(self, collection: str, version: str) -> None:
        indexes = self.indexes.setdefault(collection, {})
        if version not in indexes:
            indexes[version] = self.next.get(collection, 0)
            self.next[collection] = indexes[version] + 1
            self.name(collection, version, "latest")

    def leave(self, collection: str, version: str) -> None:
        indexes = self.indexes[collection]
        del indexes[version]
        aliases = self.aliases[collection]
        self.aliases[collection] = {name: own for name, own in aliases.items() if own != version}
        if indexes and "latest" not in self.aliases[collection]:
            self.name(collection, max(indexes, key=indexes.__getitem__), "latest")

    def log(self) -> None:
        collection = self.choose.choice(["one", "two"])
        content, alias = self.choose.choice("abcdef"), self.choose.choice("xyz")
        version = Logger(self.raw, collection, {"file": content.encode()}).log(alias=alias)
        known = self.contents.get((collection, content))
        assert known in (None, version)
        self.contents[collection, content] = version
        self.join(collection, version)
        self.name(collection, version, alias)

    def add_alias(self, collection: str, version: str) -> None:
        alias = self.choose.choice("xyz")
        self.change("AddAliases", version, collection, alias)
        self.name(collection, version, alias)

    def delete_alias(self, collection: str, version: str) -> None:
        known = [name for name, own in self.aliases[collection].items() if own == version]
        if known and (alias := self.choose.choice(known)) != "latest":
            self.change("DeleteAliases", version, collection, alias)
            del self.aliases[collection][alias]

    def link(self, _: str, version: str) -> None:
        path = {"entityName": "team", "projectName": "demo", "artifactPortfolioName": "shelf"}
        self.mutate("LinkArtifact", "versionIndex", artifactID=version, **path)
        self.join("shelf", version)
        self.name("shelf", version, "latest")

    def delete(self, _: str, version: str) -> None:
        self.mutate("DeleteArtifact", "artifact { id }", artifactID=version, deleteAliases=True)
        for collection in [name for name, indexes in self.indexes.items() if version in indexes]:
            self.leave(collection, version)
        self.contents = {key: own for key, own in self.contents.items() if own != version}

    def change(self, kind: str, version: str, collection: str, alias: str) -> None:
        path = {"entityName": "team", "projectName": "demo"}
        aliases = [path | {"artifactCollectionName": collection, "alias": alias}]
        self.mutate(kind, "success", artifactID=version, aliases=aliases)

    def mutate(self, kind: str, fields: str, **given: Any) -> None:
        name = kind[0].lower() + kind[1:]
        text = f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ {fields} }} }}"
        self.raw.data(text, input=given)

    def step(self) -> None:
        members = [(name, version) for name, own in self.indexes.items() for version in own]
        steps = [self.add_alias, self.delete_alias, self.link, self.delete]
        if members and self.choose.random() < 0.6:
            self.choose.choice(steps)(*self.choose.choice(sorted(members)))
        else:
            self.log()

    def agree(self) -> None:
        edges = self.raw.data(STATE)["project"]["artifactCollections"]["edges"]
        seen = {edge["node"]["name"]: edge["node"] for edge in edges}
        for collection, indexes in self.indexes.items():
            versions = seen[collection]["artifacts"]["edges"]
            assert {edge["node"]["id"]: int(edge["version"][1:]) for edge in versions} == indexes
            named = [edge["node"]["alias"] for edge in seen[collection]["aliases"]["edges"]]
            assert sorted(named) == sorted(self.aliases[collection])
        for version in {version for indexes in self.indexes.values() for version in indexes}:
            found = self.raw.data(ALIASES, id=version)["artifact"]["artifactMemberships"]
            for node in (edge["node"] for edge in found["edges"]):
                collection = node["artifactCollection"]["name"]
                own = {name for name, held in self.aliases[collection].items() if held == version}
                assert {each["alias"] for each in node["aliases"]} == own


@pytest.fixture
def raw() -> Iterator[Raw]:
    with application() as client:
        yield client


def play(raw: Raw, seed: int, steps: int) -> None:
    model = Model(raw, seed)
    for _ in range(steps):
        model.step()
    model.agree()
    assert check(raw.app.service.store, read_data=True) == []


@pytest.mark.parametrize("seed", range(2))
def test_the_server_agrees_with_a_model(raw: Raw, seed: int) -> None:
    play(raw, seed, 20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 105))
def test_the_server_agrees_with_a_model_for_long(raw: Raw, seed: int) -> None:
    play(raw, seed, 150)
