"""Users, teams, the organization and keys: who they are, making them, and letting them in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from wbexport.errors import InputError, NotFoundError
from wbexport.server import lookup, people
from wbexport.server.resolvers.connections import connection
from wbexport.server.resolvers.entities import entity_node
from wbexport.server.service import ForbiddenError, wire_time
from wbexport.store import accounts

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.service import Info, Node
    from wbexport.store.accounts import Member, User

__all__ = ["RESOLVERS", "organization_node", "user_node"]


def user_node(user: User) -> Node:
    """Return a user for answers."""
    return {
        "id": user.storage_id,
        "name": user.name or user.username,
        "username": user.username,
        "email": user.email,
        "admin": user.is_admin,
        "flags": json.dumps({"code_saving_enabled": False}),
    }


def organization_node(name: str = lookup.ORGANIZATION) -> Node:
    """Return the one organization, of which every user and every team is part."""
    return {"id": lookup.numbered_id("Organization", name), "name": name}


def _viewer(_: object, info: Info) -> Node:
    return user_node(info.context.caller)


def _users(_: object, info: Info, query: str | None = None) -> Node:
    if not info.context.caller.is_admin:
        raise ForbiddenError("look up users")
    found = [user for user in people.list_users(info.context.cursor) if _fits(user, query or "")]
    return connection(info, [user_node(user) for user in found], None, None)


def _fits(user: User, query: str) -> bool:
    names = [name.lower() for name in (user.username, user.email) if name]
    query = query.lower()
    return any(name.startswith(query) or name.endswith(query) for name in names)


def _organization(_: object, info: Info, name: str) -> Node | None:
    known = name in (lookup.ORGANIZATION, lookup.ORG_ENTITY)
    return organization_node() if known else None


def _user(node: Node, info: Info) -> User | None:
    return people.find_user(info.context.cursor, node["username"])


def _default_entity(node: Node, info: Info) -> str:
    is_local = node["username"] == lookup.USER
    return lookup.default_entity(info.context.cursor) if is_local else node["username"]


def _teams(node: Node, info: Info) -> Node:
    user = _user(node, info)
    names = [] if user is None else people.teams_of(info.context.cursor, user)
    return {"edges": [{"node": entity_node(name)} for name in names], "pageInfo": None}


def _organizations(node: Node, info: Info) -> list[Node]:
    return [] if _user(node, info) is None else [organization_node()]


def _api_keys(node: Node, info: Info) -> Node:
    caller = info.context.caller
    if node.get("secret") is not None:
        return {"edges": [{"node": node["secret"]}]}
    if not caller.is_admin and caller.username != node["username"]:
        return {"edges": []}
    keys = accounts.read_api_keys(info.context.cursor, node["username"])
    return {
        "edges": [
            {"node": {"id": key.storage_id, "name": key.name, "description": key.description}}
            for key in keys
        ]
    }


def _projects(
    node: Node, info: Info, *, after: str | None = None, first: int | None = None
) -> Node:
    cur = info.context.cursor
    return connection(info, lookup.list_projects(cur, _default_entity(node, info)), first, after)


def _create_user(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    if not info.context.caller.is_admin:
        raise ForbiddenError("create users")
    with service.writing(soon=True) as cur:
        now = service.clock()
        user = people.create_user(cur, input["email"], is_admin=bool(input.get("admin")), now=now)
        secret = _issue(cur, user.username, "first key", info)
    return {"user": user_node(user) | {"secret": secret}}


def _create_service_account(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    team = _team_to_manage(info, input["entityName"])
    with service.writing(soon=True) as cur:
        user = people.create_service_account(cur, team, input["description"], now=service.clock())
        secret = _issue(cur, user.username, input["description"], info)
    return {"user": user_node(user) | {"secret": secret}}


def _generate_api_key(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        username = info.context.caller.username
        return {"apiKey": _issue(cur, username, input.get("description"), info)}


def _issue(
    cur: duckdb.DuckDBPyConnection, username: str, description: str | None, info: Info
) -> Node:
    """Make a key and return it with its secret for a name, as W&B does this one time."""
    key, secret = people.issue_key(cur, username, description, now=info.context.service.clock())
    return {"id": key.storage_id, "name": secret, "description": description}


def _delete_api_key(_: object, info: Info, input: Node) -> Node:
    caller = info.context.caller
    with info.context.service.writing(soon=True) as cur:
        key = accounts.find_api_key(cur, input["id"])
        if key is None or not (caller.is_admin or key.username == caller.username):
            raise NotFoundError(f"there is no key with id {input['id']} here")
        accounts.delete_api_key(cur, key.storage_id)
    return {"success": True}


def _create_team(_: object, info: Info, input: Node) -> Node:
    service, caller = info.context.service, info.context.caller
    admin = input.get("teamAdminUserName") or caller.username
    if admin != caller.username and not caller.is_admin:
        raise ForbiddenError("create teams for others")
    with service.writing(soon=True) as cur:
        people.create_team(cur, input["teamName"], admin, now=service.clock())
    return {"entity": entity_node(input["teamName"])}


def _create_invite(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    team = _team_to_manage(info, input["entityName"])
    with service.writing(soon=True) as cur:
        who = _invited(cur, input)
        is_admin = bool(input.get("admin"))
        member = people.invite(cur, team, who, is_admin=is_admin, now=service.clock())
    return {
        "invite": {
            "id": member.storage_id,
            "name": member.username,
            "email": member.email,
            "createdAt": wire_time(member.created_at),
            "toUser": None if isinstance(who, str) else user_node(who),
        }
    }


def _invited(cur: duckdb.DuckDBPyConnection, input: Node) -> User | str:
    """Return who is invited: a user, or an address that no user has yet."""
    if input.get("username"):
        user = people.find_user(cur, input["username"])
        if user is None:
            raise NotFoundError(f"there is no user {input['username']}")
        return user
    if not input.get("email"):
        raise InputError("name a user or an address to invite")
    return accounts.find_user(cur, email=input["email"]) or str(input["email"])


def _delete_invite(_: object, info: Info, input: Node) -> Node:
    service, caller = info.context.service, info.context.caller
    entity, place = input.get("entityName") or "", input.get("id") or ""
    with service.writing(soon=True) as cur:
        member = accounts.find_member(cur, entity, storage_id=place)
        if member is None or member.username != caller.username:
            _team_to_manage(info, entity)
        if member is None:
            raise NotFoundError(f"{entity} has no member with id {place}")
        accounts.delete_member(cur, member.storage_id)
    return {"success": True}


def _team_to_manage(info: Info, name: str) -> str:
    """Return a team's name, when the caller may say who belongs to it."""
    cur, caller = info.context.cursor, info.context.caller
    if people.role_in(cur, caller, name) is None or people.kind_of_entity(cur, name) is None:
        raise NotFoundError(f"there is no team {name} here, or it is not visible")
    if people.kind_of_entity(cur, name) != "team":
        raise InputError(f"{name} is not a team")
    if people.role_in(cur, caller, name) != "admin":
        raise ForbiddenError(f"say who belongs to {name}")
    return name


def _members(entity: Node, info: Info) -> list[Node]:
    cur = info.context.cursor
    return [_member_node(cur, each) for each in people.members_of(cur, entity["name"])]


def _member_node(cur: duckdb.DuckDBPyConnection, member: Member) -> Node:
    user = people.find_user(cur, member.username) if member.username else None
    return {
        "id": member.storage_id,
        "admin": member.role == "admin",
        "role": member.role,
        "pending": member.pending,
        "email": member.email,
        "username": member.username,
        "name": (user.name if user else None) or member.username or member.email or "",
        "accountType": "SERVICE" if user is not None and user.is_service else "MEMBER",
    }


def _organization_of(entity: Node, info: Info) -> Node | None:
    kind = people.kind_of_entity(info.context.cursor, entity["name"])
    return None if kind in (None, "user") else organization_node()


def _user_of(entity: Node, info: Info) -> Node | None:
    user = people.find_user(info.context.cursor, entity["name"])
    return None if user is None else user_node(user)


RESOLVERS = {
    "Query": {"viewer": _viewer, "users": _users, "organization": _organization},
    "Mutation": {
        "createUser": _create_user,
        "createServiceAccount": _create_service_account,
        "generateApiKey": _generate_api_key,
        "deleteApiKey": _delete_api_key,
        "createTeam": _create_team,
        "createInvite": _create_invite,
        "deleteInvite": _delete_invite,
    },
    "User": {
        "apiKeys": _api_keys,
        "entity": _default_entity,
        "organizations": _organizations,
        "projects": _projects,
        "teams": _teams,
    },
    "Organization": {
        "orgEntity": lambda organization, info: entity_node(lookup.ORG_ENTITY),
        "featureFlags": lambda organization, info, rampIDType: [],
    },
    "Entity": {"members": _members, "organization": _organization_of, "user": _user_of},
}
