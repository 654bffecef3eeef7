"""Users, teams and keys: who may do what, and that nothing else is seen or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.server.client import Raw, application, authorization

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATE_USER = """mutation ($email: String!, $admin: Boolean) {
    createUser(input: {email: $email, admin: $admin}) {
        user { id username email admin apiKeys { edges { node { id name } } } } } }"""
CREATE_TEAM = """mutation ($name: String!, $admin: String) {
    createTeam(input: {teamName: $name, teamAdminUserName: $admin}) { entity { name } } }"""
INVITE = """mutation ($entity: String!, $email: String, $username: String, $admin: Boolean) {
    createInvite(input: {
        entityName: $entity, email: $email, username: $username, admin: $admin
    }) { invite { id email toUser { username } } } }"""
REMOVE = """mutation ($entity: String!, $id: String!) {
    deleteInvite(input: {entityName: $entity, id: $id}) { success } }"""
TEAM = """query ($name: String!) { entity(name: $name) {
    name isTeam entityType organization { name } members {
        id username email role admin pending accountType apiKey } } }"""
SERVICE = """mutation ($entity: String!) {
    createServiceAccount(input: {entityName: $entity, description: "nightly"}) {
        user { username apiKeys { edges { node { name } } } } } }"""
VIEWER = """{ viewer { username entity admin teams { edges { node { name } } }
    organizations { name } apiKeys { edges { node { id name description } } } } }"""
UPSERT = """mutation ($input: UpsertBucketInput!) {
    upsertBucket(input: $input) { bucket { id user { username name } } } }"""
RUN = """query ($entity: String!) { project(name: "demo", entityName: $entity) {
    name run(name: "r1") { displayName } } }"""
KEY = 'mutation { generateApiKey(input: {description: "more"}) { apiKey { id name } } }'
DELETE_KEY = "mutation ($id: String!) { deleteApiKey(input: {id: $id}) { success } }"


@pytest.fixture
def owner() -> Iterator[Raw]:
    with application() as raw:
        yield raw


def add_user(owner: Raw, email: str, **given: Any) -> tuple[dict[str, Any], Raw]:
    """Make a user; return what the server says of them, and their client."""
    user = owner.data(CREATE_USER, email=email, **given)["createUser"]["user"]
    (key,) = user["apiKeys"]["edges"]
    return user, owner.with_headers(authorization(key["node"]["name"]))


def add_run(client: Raw, entity: str | None, run: str = "r1") -> dict[str, Any]:
    given = {"name": run, "modelName": "demo", "host": "box"}
    answer = client.graphql(UPSERT, input=given | ({"entityName": entity} if entity else {}))
    return answer


def message(answer: dict[str, Any]) -> str:
    (error,) = answer["errors"]
    return str(error["message"])


def members(client: Raw, team: str) -> dict[str, str]:
    found = client.data(TEAM, name=team)["entity"]["members"]
    return {each["username"] or each["email"]: each["role"] for each in found}


def test_the_token_is_the_key_of_an_administrator_who_is_there_from_the_start(owner: Raw) -> None:
    viewer = owner.data(VIEWER)["viewer"]
    assert (viewer["username"], viewer["entity"], viewer["admin"]) == ("local", "local", True)
    assert [edge["node"]["name"] for edge in viewer["teams"]["edges"]] == ["local"]
    assert [each["name"] for each in viewer["organizations"]] == ["local"]


def test_a_new_user_has_a_key_and_an_entity(owner: Raw) -> None:
    user, ada = add_user(owner, "ada@example.org")
    assert (user["username"], user["admin"]) == ("ada", False)
    viewer = ada.data(VIEWER)["viewer"]
    assert (viewer["username"], viewer["entity"], viewer["admin"]) == ("ada", "ada", False)
    found = ada.data(TEAM, name="ada")["entity"]
    assert (found["isTeam"], found["entityType"], found["organization"]) == (False, "user", None)


def test_a_secret_is_shown_once_and_kept_nowhere(owner: Raw) -> None:
    user, ada = add_user(owner, "ada@example.org")
    (edge,) = user["apiKeys"]["edges"]
    secret = edge["node"]["name"]
    assert len(secret.partition("-")[2]) >= 40
    (later,) = ada.data(VIEWER)["viewer"]["apiKeys"]["edges"]
    assert later["node"]["id"] == edge["node"]["id"]
    assert later["node"]["name"] not in secret
    store = owner.app.service.store
    dump = store.cursor().execute("select * from stored.api_keys").fetchall()
    assert secret not in str(dump)
    assert secret[6:20] not in str(dump)


def test_a_key_opens_as_password_or_bearer_until_it_is_deleted(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    key = ada.data(KEY)["generateApiKey"]["apiKey"]
    for headers in (authorization(key["name"]), {"Authorization": f"Bearer {key['name']}"}):
        assert owner.with_headers(headers).data(VIEWER)["viewer"]["username"] == "ada"
    assert ada.data(DELETE_KEY, id=key["id"])["deleteApiKey"]["success"]
    body = {"query": VIEWER}
    answer = owner.call("POST", "/graphql", json=body, headers=authorization(key["name"]))
    assert answer.status_code == 401
    assert key["name"] not in answer.text


def test_nobody_deletes_keys_of_others_but_administrators(owner: Raw) -> None:
    user, _ = add_user(owner, "ada@example.org")
    _, bob = add_user(owner, "bob@example.org")
    key = user["apiKeys"]["edges"][0]["node"]["id"]
    assert "no key with id" in message(bob.graphql(DELETE_KEY, id=key))
    assert owner.data(DELETE_KEY, id=key)["deleteApiKey"]["success"]
    assert "no key with id" in message(owner.graphql(DELETE_KEY, id=key))


@pytest.mark.parametrize("email", ["", "ada", "@x", "ada@", "a b@x", "ada@x\n"])
def test_an_address_that_is_none_is_refused(owner: Raw, email: str) -> None:
    assert "is not a mail address" in message(owner.graphql(CREATE_USER, email=email))


def test_an_address_has_one_user_and_a_name_one_owner(owner: Raw) -> None:
    add_user(owner, "ada@example.org")
    assert "there is a user" in message(owner.graphql(CREATE_USER, email="ADA@example.org"))
    other, _ = add_user(owner, "ada@example.com")
    assert other["username"] == "ada2"
    local, _ = add_user(owner, "local@example.com")
    assert local["username"] == "local2"


def test_only_administrators_make_users_and_look_them_up(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    _, root = add_user(owner, "root@example.org", admin=True)
    search = "query ($q: String) { users(query: $q) { edges { node { username } } } }"
    for query, given in ((CREATE_USER, {"email": "x@y"}), (search, {"q": "ada"})):
        assert message(ada.graphql(query, **given)).startswith("permission denied")
    for admin in (owner, root):
        found = admin.data(search, q="example.org")["users"]["edges"]
        assert [edge["node"]["username"] for edge in found] == ["ada", "root"]
    assert owner.data(search, q="loc")["users"]["edges"] == [{"node": {"username": "local"}}]
    assert owner.data(search, q="nobody")["users"]["edges"] == []


def test_a_team_has_who_made_it_for_an_administrator(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    ada.data(CREATE_TEAM, name="lab")
    owner.data(CREATE_TEAM, name="core", admin="ada")
    assert members(ada, "lab") == members(ada, "core") == {"ada": "admin"}
    found = ada.data(TEAM, name="lab")["entity"]
    assert (found["isTeam"], found["organization"]) == (True, {"name": "local"})
    for name in ("lab", "ada", "local", "local_org"):
        assert "there is an entity" in message(owner.graphql(CREATE_TEAM, name=name))
    for name in ("", "a/b", "-x", "x" * 65, "é"):
        assert "cannot be called" in message(owner.graphql(CREATE_TEAM, name=name))
    assert "no user nobody" in message(owner.graphql(CREATE_TEAM, name="x", admin="nobody"))
    denied = message(ada.graphql(CREATE_TEAM, name="x", admin="local"))
    assert "may not create teams for others" in denied


def test_members_come_and_go(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    _, bob = add_user(owner, "bob@example.org")
    ada.data(CREATE_TEAM, name="lab")
    assert bob.data(TEAM, name="lab")["entity"] is None
    assert "no team lab here" in message(bob.graphql(INVITE, entity="lab", username="bob"))
    ada.data(INVITE, entity="lab", username="bob")
    assert members(bob, "lab") == {"ada": "admin", "bob": "member"}
    assert "is in lab" in message(ada.graphql(INVITE, entity="lab", email="bob@example.org"))
    assert "may not say who" in message(bob.graphql(INVITE, entity="lab", username="local"))
    assert "no user eve" in message(ada.graphql(INVITE, entity="lab", username="eve"))
    assert "is not a team" in message(ada.graphql(INVITE, entity="ada", username="bob"))
    invited = ada.data(INVITE, entity="lab", email="eve@example.org", admin=True)
    assert invited["createInvite"]["invite"]["toUser"] is None
    assert members(ada, "lab")["eve@example.org"] == "admin"
    _, eve = add_user(owner, "Eve@example.org")
    assert members(eve, "lab")["Eve"] == "admin"
    place = next(
        each["id"]
        for each in ada.data(TEAM, name="lab")["entity"]["members"]
        if each["username"] == "bob"
    )
    assert bob.data(REMOVE, entity="lab", id=place)["deleteInvite"]["success"]
    assert "not visible" in message(bob.graphql(REMOVE, entity="lab", id=place))
    assert "has no member" in message(ada.graphql(REMOVE, entity="lab", id=place))


def test_a_stranger_sees_and_changes_nothing(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    _, bob = add_user(owner, "bob@example.org")
    ada.data(CREATE_TEAM, name="lab")
    ada.data(INVITE, entity="lab", username="local")
    run = add_run(ada, "lab")["data"]["upsertBucket"]["bucket"]
    assert run["user"] == {"username": "ada", "name": "ada"}
    reading = 'query { project(name: "demo", entityName: "lab") { name } }'
    listing = 'query { models(entityName: "lab") { edges { node { name } } } }'
    inside = 'query { entity(name: "lab") { projects { edges { node { name } } } } }'
    assert ada.data(reading)["project"] == owner.data(reading)["project"] == {"name": "demo"}
    assert bob.data(reading)["project"] is None
    assert bob.data(listing)["models"] == {"edges": []}
    assert bob.data(inside)["entity"] is None
    assert "may not write to lab/demo" in message(add_run(bob, "lab"))
    by_id = {"id": run["id"], "notes": "mine"}
    assert "not visible" in message(bob.graphql(UPSERT, input=by_id))
    delete = "mutation ($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }"
    assert "not visible" in message(bob.graphql(delete, id=run["id"]))
    assert "not visible" in message(bob.graphql(delete, id="made up"))
    answer = bob.call(
        "POST", "/files/lab/demo/r1/file_stream", json={"complete": True}, headers=bob.headers
    )
    assert (answer.status_code, "may not write" in answer.text) == (403, True)
    assert ada.data(RUN, entity="lab")["project"]["run"] == {"displayName": "r1"}
    assert ada.data(delete, id=run["id"])


def test_a_member_works_on_the_projects_of_the_team(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    _, bob = add_user(owner, "bob@example.org")
    ada.data(CREATE_TEAM, name="lab")
    ada.data(INVITE, entity="lab", username="bob")
    assert "errors" not in add_run(bob, "lab")
    answer = bob.call(
        "POST",
        "/files/lab/demo/r1/file_stream",
        json={"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"loss": 1}']}}},
        headers=bob.headers,
    )
    assert answer.status_code == 200
    found = ada.data(RUN, entity="lab")["project"]
    assert found == {"name": "demo", "run": {"displayName": "r1"}}


def test_a_run_without_an_entity_is_the_users_own(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    assert "errors" not in add_run(ada, None)
    assert ada.data('{ project(name: "demo") { entityName user { username } } }') == {
        "project": {"entityName": "ada", "user": {"username": "ada"}}
    }
    assert owner.data(VIEWER)["viewer"]["entity"] == "local"
    assert owner.data('{ project(name: "demo") { entityName } }')["project"] is None


def test_a_service_account_logs_for_members_of_its_team(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    _, bob = add_user(owner, "bob@example.org")
    ada.data(CREATE_TEAM, name="lab")
    user = ada.data(SERVICE, entity="lab")["createServiceAccount"]["user"]
    (edge,) = user["apiKeys"]["edges"]
    robot = owner.with_headers(authorization(edge["node"]["name"]))
    last = ada.data(TEAM, name="lab")["entity"]["members"][-1]
    assert (last["accountType"], last["apiKey"]) == ("SERVICE", None)

    def logged_by(client: Raw, run: str, name: str) -> str:
        named = client.with_headers({"X-WANDB-USERNAME": name})
        found = add_run(named, "lab", run)["data"]["upsertBucket"]["bucket"]
        return str(found["user"]["username"])

    assert logged_by(robot, "a", "ada") == "ada"
    assert logged_by(robot, "b", "bob") == user["username"]
    assert logged_by(robot, "c", "nobody") == user["username"]
    assert logged_by(robot, "d", "") == user["username"]
    assert logged_by(ada, "e", "local") == "ada"
    assert "not visible" in message(bob.graphql(SERVICE, entity="lab"))


def test_owners_that_a_sync_brought_are_teams_of_the_servers_own_user(owner: Raw) -> None:
    _, ada = add_user(owner, "ada@example.org")
    add_run(owner, "brought")
    assert members(owner, "brought") == {"local": "admin"}
    assert "not visible" in message(ada.graphql(INVITE, entity="brought", username="ada"))
    owner.data(INVITE, entity="brought", username="ada")
    assert "errors" not in add_run(ada, "brought")
    assert members(ada, "brought") == {"local": "admin", "ada": "member"}


def test_questions_about_organizations_are_answered(owner: Raw) -> None:
    found = owner.data("""{ organization(name: "local") {
        id name coreWeaveOrganizationId orgEntity { name entityType }
        featureFlags(rampIDType: OrgName) { rampKey } }
        nothing: organization(name: "other") { id }
        entity(name: "local") { xxhashDigestsEnabled isTeam organization { name } } }""")
    organization = found["organization"]
    assert organization["orgEntity"] == {"name": "local_org", "entityType": "organization"}
    assert organization["coreWeaveOrganizationId"] is None
    assert organization["featureFlags"] == []
    assert found["nothing"] is None
    assert found["entity"]["organization"] == {"name": "local"}


def test_requests_with_the_token_read_nothing_about_people(owner: Raw) -> None:
    seen: list[str] = []
    store = owner.app.service.store
    real = store.cursor

    class Watching:
        def __getattr__(self, name: str) -> Any:
            return getattr(real(), name)

        def execute(self, statement: str, *given: Any) -> Any:
            seen.append(statement)
            return real().execute(statement, *given)

    store.cursor = Watching  # type: ignore[method-assign]
    owner.data('{ project(name: "demo") { name } }')
    assert seen
    assert not any("stored.users" in each or "stored.api_keys" in each for each in seen)
