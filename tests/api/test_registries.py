"""Registries through the client, against the real server: what they take, who sees what, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import wbexport
from tests.api.stub import Stub
from wbexport.api.registries import (
    AddOnlyArtifactTypesList,
    MemberRole,
    Registry,
    TeamMember,
    UserMember,
)
from wbexport.api.registries.filters import order_text, registry_filter, search_filter
from wbexport.errors import (
    AuthError,
    ConflictError,
    GraphQLError,
    InputError,
    NotFoundError,
    QueryError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Connect
    from wbexport.api.artifacts import Artifact
    from wbexport.api.client import Api


def sign_in(api: Api, name: str) -> Api:
    """Make a user and return their client."""
    found = api.create_user(f"{name}@example.org").user_api
    assert found is not None
    return found


def log(api: Api, entity: str, name: str, type: str = "model", text: str = "") -> Artifact:
    draft = wbexport.Artifact(name, type, metadata={"words": len(text)})
    with draft.new_file("text.txt", mode="w") as file:
        file.write(text)
    run = api.create_run(project="p", entity=entity)
    return run.log_artifact(draft)


@pytest.fixture
def ada(api: Api) -> Api:
    """A member of the team `lab`, which has logged two versions of `lab/p/net`."""
    client = sign_in(api, "ada")
    client.create_team("lab")
    for text in ("one", "three"):
        log(client, "lab", "net", text=text)
    return client


def test_a_registry_is_everybodys_of_the_organization_or_its_members(api: Api, ada: Api) -> None:
    open_one = ada.create_registry("open", "organization", description="for all")
    closed = ada.create_registry("closed", "restricted")
    for registry in (open_one, closed):
        ada.artifact("lab/p/net:v1").link(f"{registry.full_name}/nets", aliases=["best"])
    eve = sign_in(api, "eve")
    assert sorted(each.name for each in ada.registries()) == ["closed", "open"]
    assert [each.name for each in eve.registries()] == ["open"]
    assert [each.project for each in eve.registries().collections()] == ["wandb-registry-open"]
    assert [each.name for each in eve.registries().versions()] == ["nets:v0"]
    assert eve.registry("open").description == "for all"
    with pytest.raises(NotFoundError, match="'closed'"):
        eve.registry("closed")
    with pytest.raises(NotFoundError):
        eve.artifact("local/wandb-registry-closed/nets:best")
    closed.add_members(eve.viewer)
    assert eve.registry("closed").visibility == "restricted"
    eve.flush()
    assert eve.artifact("local/wandb-registry-closed/nets:best").version == "v0"


def test_a_reader_of_a_registry_reads_what_is_linked_and_not_where_it_is_from(
    api: Api, ada: Api, tmp_path: Path
) -> None:
    registry = ada.create_registry("open", "organization")
    ada.artifact("lab/p/net:v1").link(f"{registry.full_name}/nets", aliases=["best"])
    eve = sign_in(api, "eve")
    (linked,) = eve.registries().versions()
    assert (linked.source_qualified_name, linked.metadata) == ("lab/p/net:v1", {"words": 5})
    linked.download(str(tmp_path))
    assert (tmp_path / "text.txt").read_text("utf-8") == "three"
    asked = """query Aliases($id: ID!) {
        artifact(id: $id) { aliases { alias artifactCollection { name } } } }"""
    aliases = eve.client.execute_text(asked, {"id": linked.id})["artifact"]["aliases"]
    assert {each["artifactCollection"]["name"] for each in aliases} == {"nets"}
    assert linked.used_by() == []
    assert linked.logged_by() is None
    with pytest.raises(NotFoundError):
        eve.artifact("lab/p/net:v1")
    with pytest.raises(NotFoundError):
        list(eve.runs("lab/p"))


@pytest.mark.parametrize(
    ("role", "may_link", "may_change"),
    [("admin", True, True), ("member", True, False), ("viewer", False, False)],
)
def test_roles_say_what_a_member_may_do(
    api: Api, ada: Api, role: str, may_link: bool, may_change: bool
) -> None:
    registry = ada.create_registry("open", "organization")
    bob = sign_in(api, "bob")
    ada.team("lab").invite("bob")
    registry.add_members(bob.viewer).update_member(bob.viewer, role)
    net = bob.artifact("lab/p/net:v0")
    if may_link:
        assert net.link(f"{registry.full_name}/nets").is_link
    else:
        with pytest.raises(AuthError, match="may not write to local_org"):
            net.link(f"{registry.full_name}/nets")
    theirs = bob.registry("open")
    theirs.description = "bob's"
    for change in (theirs.save, lambda: theirs.add_members(ada.team("lab")), theirs.delete):
        if may_change:
            change()
        else:
            with pytest.raises(AuthError, match="may not change the registry"):
                change()


def test_a_team_that_is_a_member_brings_its_own(api: Api, ada: Api) -> None:
    registry = api.create_registry("closed", "restricted")
    with pytest.raises(NotFoundError):
        ada.registry("closed")
    lab = api.team("lab")
    registry.add_members(lab)
    ada.artifact("lab/p/net:v0").link("local/wandb-registry-closed/nets")
    (member,) = registry.team_members()
    assert isinstance(member, TeamMember)
    assert (member.team.name, member.role, member.kind) == ("lab", MemberRole.MEMBER, "Entity")
    (creator,) = registry.user_members()
    assert isinstance(creator, UserMember)
    assert (creator.user.username, creator.role) == ("local", MemberRole.ADMIN)
    remaining = registry.remove_members(member).members()
    assert [each.kind for each in remaining] == ["User"]


def test_a_registry_takes_the_types_of_its_list_which_only_grows(api: Api, ada: Api) -> None:
    registry = api.create_registry("data", "organization", artifact_types=["dataset"])
    net = api.artifact("lab/p/net:v0")
    with pytest.raises(GraphQLError, match="takes artifacts of type dataset, not 'model'"):
        net.link(f"{registry.full_name}/nets")
    registry.artifact_types.append("model")
    assert registry.artifact_types.draft == ("model",)
    registry.save()
    assert (list(registry.artifact_types), registry.artifact_types.draft) == (
        ["dataset", "model"],
        (),
    )
    assert net.link(f"{registry.full_name}/nets").type == "model"
    registry.allow_all_artifact_types = True
    registry.artifact_types.append("other")
    with pytest.raises(InputError, match="set allow_all_artifact_types to False first"):
        registry.save()
    registry.load()
    registry.allow_all_artifact_types = True
    registry.save()
    log(api, "lab", "notes", "text", "hello").link(f"{registry.full_name}/notes")
    assert list(api.registry("data").artifact_types) == ["dataset", "model", "text"]


def test_a_renamed_registry_keeps_its_links_and_frees_its_name(api: Api, ada: Api) -> None:
    registry = ada.create_registry("old", "organization")
    ada.artifact("lab/p/net:v0").link(f"{registry.full_name}/nets")
    before = registry.id
    registry.name = "new"
    registry.visibility = "restricted"
    registry.save()
    assert (registry.id, registry.name, registry.full_name) == (before, "new", "wandb-registry-new")
    assert registry.path == ["local_org", "wandb-registry-new"]
    assert [each.name for each in registry.versions()] == ["nets:v0"]
    again = ada.create_registry("old", "organization")
    assert again.id != before
    assert list(again.versions()) == []
    again.name = "new"
    with pytest.raises(ConflictError, match="already"):
        again.save()
    again.load()
    again.delete()
    with pytest.raises(NotFoundError):
        again.delete()
    assert [each.name for each in ada.registries()] == ["new"]
    assert ada.artifact("lab/p/net:v0").name == "net:v0"


def test_searches_choose_by_registry_collection_and_version(api: Api, ada: Api) -> None:
    for name in ("model", "other-model", "data"):
        registry = api.create_registry(name, "organization")
        for index, alias in ((0, "first"), (1, "second")):
            net = api.artifact(f"lab/p/net:v{index}")
            net.link(f"{registry.full_name}/{name}-nets", aliases=[alias])

    def names(found: object) -> list[str]:
        return sorted(each.name for each in found)  # type: ignore[attr-defined]

    assert names(api.registries(filter={"name": "model"})) == ["model"]
    assert names(api.registries(filter={"name": {"$regex": "model"}})) == ["model", "other-model"]
    found = api.registries(filter={"name": {"$in": ["model", "data"]}})
    assert names(found.collections()) == ["data-nets", "model-nets"]
    assert names(found.versions({"alias": "first"})) == ["data-nets:v0", "model-nets:v0"]
    chosen = found.collections({"name": {"$regex": "data"}})
    assert names(chosen.versions({"metadata.words": {"$gt": 3}})) == ["data-nets:v1"]
    assert len(found.collections()) == 2
    ordered = api.registries(order="-name")
    assert [each.name for each in ordered] == ["other-model", "model", "data"]
    collections = list(ordered.collections())
    assert [each.name for each in collections] == ["other-model-nets", "model-nets", "data-nets"]
    assert collections[0].organization == "local"
    by_size = [each.name for each in registry.versions(order="-artifact_size")]
    assert by_size == ["data-nets:v1", "data-nets:v0"]
    pages = api.registries(per_page=2)
    assert (pages.length, len(list(pages)), pages.length) == (None, 3, 1)
    first = api.registries(per_page=1, order="+name")
    first.next()
    rest = api.registries(order="+name", start=first.cursor)
    assert [each.name for each in rest] == ["model", "other-model"]


def test_a_registry_is_fetched_when_more_than_its_name_is_asked_for(api: Api) -> None:
    api.create_registry("lazy", "restricted", description="fetched")
    draft = Registry(api.client, "local", "local_org", "lazy")
    assert draft.full_name == "wandb-registry-lazy"
    assert (draft.description, draft.visibility, draft.allow_all_artifact_types) == (
        "fetched",
        "restricted",
        True,
    )
    assert repr(draft) == "<Registry local/lazy>"
    with pytest.raises(NotFoundError, match="'absent'"):
        _ = Registry(api.client, "local", "local_org", "absent").created_at


def test_organizations_are_found_for_teams_and_users(api: Api, ada: Api) -> None:
    organization = ada.organization()
    assert (organization.name, organization.org_entity.name) == ("local", "local_org")
    assert organization.org_entity.entity_type == "organization"
    assert api.organization("local") == organization
    with pytest.raises(NotFoundError, match="'nope'"):
        api.organization("nope")
    with pytest.raises(NotFoundError, match="'nope'"):
        api.registry("x", "nope")
    with pytest.raises(NotFoundError, match="'nope'"):
        list(api.registries("nope"))


def test_bad_names_and_settings_are_refused_before_a_request(api: Api) -> None:
    for name in ("", " ", "a/b", "a:b", "x" * 120, "a\n"):
        with pytest.raises(InputError, match="is not a name for a registry"):
            Registry.create(api.client, "local", name, "organization")
    with pytest.raises(InputError, match="not 'everybody'"):
        api.create_registry("a", "everybody")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'a/b' is not an artifact type"):
        api.create_registry("a", "organization", artifact_types=["a/b"])
    with pytest.raises(InputError, match="5 is no name"):
        api.registry(5)  # type: ignore[arg-type]
    registry = api.create_registry("a", "organization", artifact_types="model")  # type: ignore[arg-type]
    assert registry.artifact_types == ["model"]
    with pytest.raises(InputError, match="not 'nobody'"):
        registry.visibility = "nobody"  # type: ignore[assignment]
    with pytest.raises(ConflictError, match="'a' in 'local' already"):
        api.create_registry("a", "restricted")
    with pytest.raises(ConflictError, match="'a' in 'local' already"):
        Registry.create(api, "local", "a", "restricted")
    for member in ("nobody", "Um46MQ==", 5, None):
        with pytest.raises(InputError, match="the id of one, not"):
            registry.add_members(member)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one"):
        registry.add_members()
    with pytest.raises(ConflictError, match="'king' is no role"):
        registry.update_member(api.viewer, "king")
    with pytest.raises(NotFoundError, match="no user with id"):
        registry.add_members("VXNlcjox")


def test_a_server_without_registries_says_so(connect: Connect) -> None:
    features = [{"name": "OTHER", "isEnabled": True}]
    api = connect(Stub({"ServerFeatures": lambda _: {"serverInfo": {"features": features}}}))
    for call in (
        lambda: api.registries("acme"),
        lambda: api.registry("a", "acme"),
        lambda: api.create_registry("a", "organization", "acme"),
        lambda: Registry.create(api, "acme", "a", "organization"),
    ):
        with pytest.raises(UnsupportedError, match="lacks"):
            call()


def test_filters_take_the_names_that_the_servers_search_knows() -> None:
    asked = {"$or": [{"name": "a"}, {"name": {"$regex": "b", "$ne": "c"}}], "id": 3}
    assert search_filter(asked, "registry") == {
        "$or": [
            {"name": "wandb-registry-a"},
            {"name": {"$regex": "b", "$ne": "wandb-registry-c"}},
        ],
        "id": 3,
    }
    assert search_filter({"id": 3, "name": "wandb-registry-a"}, "registry", advanced=True) == {
        "project_id": 3,
        "name": "wandb-registry-a",
    }
    versions = {"created_at": {"$gt": "2024-01-01"}, "metadata.acc": 1, "aliases": "a"}
    assert search_filter(versions, "version", advanced=True) == {
        "artifact_created_at": {"$gt": "2024-01-01"},
        "metadata.acc": 1,
        "alias": "a",
    }
    assert search_filter(None, "collection") is None
    assert order_text("linked_at", "version") == "+acm_created_at"
    assert registry_filter("UHJvamVjdEludGVybmFsSWQ6NQ==", "x") == {"id": 5}
    assert registry_filter("not base64", "x") == registry_filter(None, "x") == {"name": "x"}


@pytest.mark.parametrize(
    "filters",
    [{"state": 1}, {"$or": [{"nope": 1}]}, {"name": {"$near": 1}}, {1: 2}, ["name"], {"$and": 5}],
)
def test_filters_that_mean_nothing_are_refused(filters: object) -> None:
    with pytest.raises(InputError):
        search_filter(filters, "registry")  # type: ignore[arg-type]
    with pytest.raises(QueryError):
        order_text("-description", "registry")


def test_the_list_of_types_keeps_what_is_saved() -> None:
    types = AddOnlyArtifactTypesList(["a", "b"])
    types.extend(["c", "b", "d", "c"])
    types[2] = "e"
    types.insert(3, "f")
    types[-1] = "a"
    del types[-1]
    assert (list(types), types.draft) == (["a", "b", "e", "f"], ("e", "f"))
    assert types == ["a", "b", "e", "f"]
    assert types != "abef"
    assert (types[1:3], types.index("f"), len(types)) == (["b", "e"], 3, 4)
    for change in (
        lambda: types.remove("a"),
        lambda: types.pop(0),
        lambda: types.insert(-4, "x"),
        lambda: types.__setitem__(1, "x"),
        lambda: types.__setitem__(slice(2, 3), ["x"]),
        lambda: types.__delitem__(slice(2, 3)),
    ):
        with pytest.raises(InputError):
            change()
    with pytest.raises(ValueError, match="not in list"):
        types.remove("z")
    with pytest.raises(IndexError):
        types[9] = "x"
    types.remove("f")
    assert repr(types) == "AddOnlyArtifactTypesList(saved=['a', 'b'], draft=['e'])"
