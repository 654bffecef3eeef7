"""Users, teams and keys through the client, against the real server."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.api.stub import Stub, StubError
from wbexport.api.accounts import Member, Team, User
from wbexport.errors import (
    AuthError,
    ConflictError,
    GraphQLError,
    InputError,
    NotFoundError,
    PathError,
    SettingsError,
)

if TYPE_CHECKING:
    from tests.api.conftest import Connect
    from wbexport.api.client import Api


def user_api(user: User) -> Api:
    found = user.user_api
    assert found is not None
    return found


def test_a_new_user_signs_in_with_a_key_that_nobody_else_saw(api: Api) -> None:
    ada = api.create_user("ada@example.org")
    own = user_api(ada)
    assert own.viewer.username == ada.username == "ada"
    assert own.default_entity == "ada"
    assert own.viewer.user_api is own
    assert [key.startswith("key-") for key in own.viewer.api_keys] == [True]


def test_a_key_is_shown_in_no_repr_log_or_error(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ada = api.create_user("ada@example.org")
    own = user_api(ada)
    key = own.viewer.generate_api_key("second")
    assert key is not None
    other = own.with_key(key)
    assert other.viewer.username == "ada"
    assert own.viewer.delete_api_key(key)
    own.flush()
    with pytest.raises(AuthError) as refused:
        _ = other.client.execute("Viewer", {})
    shown = [ada, own, own.client, own.settings, other, own.settings.credential]
    text = "".join(map(repr, shown)) + str(refused.value) + caplog.text
    assert key not in text
    assert ada.api_keys[0] not in text
    assert pickle.loads(pickle.dumps(own.settings)).credential is None


def test_who_is_neither_viewer_nor_new_has_no_api_of_their_own(api: Api) -> None:
    api.create_user("ada@example.org")
    ada = api.user("ada")
    assert ada is not None
    assert (ada.user_api, ada.generate_api_key()) == (None, None)
    own = api.user("local")
    assert own is not None
    assert own.user_api is api
    (name,) = ada.api_keys
    assert ada.delete_api_key(name)
    with pytest.raises(NotFoundError):
        ada.delete_api_key("unknown")


def test_only_administrators_make_users_and_look_them_up(api: Api) -> None:
    ada = user_api(api.create_user("ada@example.org"))
    root = user_api(api.create_user("root@example.org", admin=True))
    for call in (ada.create_user, ada.user, ada.users):
        with pytest.raises(AuthError, match="permission denied"):
            call("eve@example.org")
    assert [each.username for each in root.users("ada")] == ["ada"]


def test_bad_users_are_refused_by_name(api: Api) -> None:
    api.create_user("ada@example.org")
    with pytest.raises(GraphQLError, match="there is a user with the address"):
        api.create_user("ada@example.org")
    with pytest.raises(GraphQLError, match="not a mail address"):
        api.create_user("nobody")


def test_a_server_that_makes_no_user_is_an_error(connect: Connect) -> None:
    none = {"CreateUser": lambda _: {"createUser": {"user": None}}}
    api = connect(Stub({"ServerFeatures": lambda _: {"serverInfo": None}} | none))
    with pytest.raises(ConflictError, match="did not create a user"):
        api.create_user("ada@example.org")


def test_a_user_of_a_server_that_shows_no_key_has_no_api(connect: Connect) -> None:
    viewer = {"id": "1", "entity": "local", "username": "local"}
    user = {"id": "2", "username": "ada"}
    operations = {
        "ServerFeatures": lambda _: {"serverInfo": None},
        "Viewer": lambda _: {"viewer": viewer},
        "CreateUser": lambda _: {"createUser": {"user": user}},
    }
    stub = Stub(operations)
    found = connect(stub).create_user("ada@example.org")
    assert (found.user_api, found.api_keys, found.teams) == (None, [], [])
    given = {"email": "ada@example.org", "admin": False, "withKey": False}
    assert ("CreateUser", given) in stub.asked


def test_the_keys_of_the_viewer_are_asked_for_when_they_are_looked_at(connect: Connect) -> None:
    keys = {"edges": [{"node": {"id": "k", "name": "abcd1234"}}, None]}
    stub = Stub(
        {
            "Viewer": lambda _: {"viewer": {"id": "1", "entity": "local"}},
            "ViewerKeys": lambda _: {"viewer": {"apiKeys": keys}},
        }
    )
    viewer = connect(stub).viewer
    assert [name for name, _ in stub.asked] == ["Viewer"]
    assert viewer.api_keys == viewer.api_keys == ["abcd1234"]
    assert stub.count("ViewerKeys") == 1


def test_failures_of_a_server_are_none_or_false_where_the_reference_says_so(
    connect: Connect,
) -> None:
    def fail(_: object) -> None:
        raise StubError("broken")

    names = ("GenerateApiKey", "DeleteApiKey", "CreateInvite", "DeleteInvite")
    keys = {"edges": [{"node": {"id": "k", "name": "one"}}]}
    viewer = {"id": "1", "entity": "local", "apiKeys": keys}
    stub = Stub(dict.fromkeys((*names, "CreateServiceAccount"), fail))
    stub.operations["Viewer"] = lambda _: {"viewer": viewer}
    stub.operations["ServerFeatures"] = lambda _: {"serverInfo": None}
    api = connect(stub)
    team = Team(api.client, "lab", {"id": "x"})
    assert (api.viewer.generate_api_key(), api.viewer.delete_api_key("one")) == (None, False)
    assert (team.invite("ada"), team.create_service_account("bot")) == (False, None)
    assert Member(api.client, "lab", {"id": "m"}).delete() is False


def test_a_team_lists_its_members(api: Api) -> None:
    api.create_user("ada@example.org")
    team = api.create_team("lab", "ada")
    assert team.invite("local", admin=True)
    assert team.invite("eve@example.org")
    assert not team.invite("ada")
    assert not team.invite("nobody")
    team.load(force=True)
    shown = [(each.name, each.admin, each.pending) for each in team.members]
    assert shown == [
        ("ada", True, False),
        ("local", True, False),
        ("eve@example.org", False, True),
    ]
    assert all(each.delete() for each in team.members[1:])
    assert [each.username for each in team.load(True)["members"]] == ["ada"]
    assert (repr(team), repr(team.members[0])) == ("<Team lab>", "<Member ada (MEMBER)>")
    assert (team.is_team, team.entity_type, team.to_html()) == (True, "team", None)


def test_a_team_that_is_not_there_or_not_visible_is_not_found(api: Api) -> None:
    ada = user_api(api.create_user("ada@example.org"))
    api.create_team("lab")
    for client in (api, ada):
        with pytest.raises(NotFoundError, match="'nope'"):
            Team(client.client, "nope")
    with pytest.raises(NotFoundError, match="'lab'"):
        Team(ada.client, "lab")
    with pytest.raises(PathError, match="5 is no name"):
        api.team(5)  # type: ignore[arg-type]


def test_what_keeps_a_team_from_being_made_is_said(api: Api) -> None:
    ada = user_api(api.create_user("ada@example.org"))
    with pytest.raises(AuthError, match="create teams for others"):
        Team.create(ada, "lab", "local")
    with pytest.raises(GraphQLError, match="cannot be called 'a/b'"):
        api.create_team("a/b")
    assert Team.create(ada, "lab").name == "lab"
    assert [each.username for each in Team.create(api, "lab").members] == ["ada"]


def test_a_service_account_logs_with_the_key_it_is_made_with(api: Api) -> None:
    team = api.create_team("lab")
    account = team.create_service_account("nightly")
    assert account is not None
    assert (account.name, account.account_type) == ("nightly", "SERVICE")
    assert account.api_key not in repr([account, team])
    robot = api.with_key(account.api_key)
    assert robot.viewer.teams == ["lab"]
    logged = robot.run("/".join(robot.create_run(project="p", entity="lab").path))
    assert logged.user is not None
    assert logged.user.name == "nightly"
    with pytest.raises(AuthError, match="permission denied"):
        robot.create_run(project="p", entity="other")


def test_a_stranger_reads_nothing_and_a_revoked_key_nothing_more(api: Api) -> None:
    run = api.create_run(run_id="r1", project="p", entity="lab")
    ada = user_api(api.create_user("ada@example.org"))
    eve = user_api(api.create_user("eve@example.org"))
    api.team("lab").invite("ada")
    assert ada.run("lab/p/r1").id == run.id
    with pytest.raises(NotFoundError):
        eve.run("lab/p/r1")
    assert list(eve.projects("eve")) == []
    assert [each.name for each in ada.projects("lab")] == ["p"]
    (key,) = ada.viewer.api_keys
    assert ada.viewer.delete_api_key(key)
    ada.flush()
    with pytest.raises(AuthError):
        ada.run("lab/p/r1")


def test_read_only_settings_make_nobody(api: Api) -> None:
    settings = replace(api.settings, read_only=True)
    quiet = type(api)(settings=settings, transport=api._transport)
    for call in (quiet.create_user, quiet.create_team):
        with pytest.raises(InputError, match="read-only"):
            call("ada@example.org")


def test_a_malformed_key_is_refused(api: Api) -> None:
    with pytest.raises(SettingsError, match="malformed"):
        api.with_key("too-short")
