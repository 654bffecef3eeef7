"""Who there is on a server, whether stored or a matter of course, and what they may do."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.server import lookup
from wbexport.server.auth import hash_of, new_token
from wbexport.store import accounts
from wbexport.store.accounts import ApiKey, Entity, Member, User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "LOCAL",
    "author",
    "create_service_account",
    "create_team",
    "create_user",
    "entity_of_id",
    "find_user",
    "invite",
    "issue_key",
    "kind_of_entity",
    "list_users",
    "may_read",
    "may_write",
    "members_of",
    "registry_role",
    "role_in",
    "teams_of",
    "user_of_key",
    "visible_entities",
]

#: The user of the server's own token: there without being stored, and allowed everything.
LOCAL = User(
    storage_id=lookup.numbered_id("User", lookup.USER),
    username=lookup.USER,
    name=lookup.USER,
    email="",
    is_admin=True,
)

_TEAM_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_WRITERS = frozenset({"admin", "member"})


def find_user(cur: Cursor, username: str) -> User | None:
    """Return the user of a name."""
    return LOCAL if username == lookup.USER else accounts.find_user(cur, username=username)


def list_users(cur: Cursor) -> list[User]:
    """Return everybody, the server's own user first."""
    return [LOCAL, *accounts.read_users(cur)]


def user_of_key(cur: Cursor, key: str) -> User | None:
    """Return the user to whom a key other than the server's token belongs."""
    owner = accounts.find_key_owner(cur, hash_of(key)) if key else None
    return None if owner is None else find_user(cur, owner)


def author(cur: Cursor, caller: User, username: str | None) -> User:
    """Return to whom new things are attributed.

    That is the caller, but a service account may name a user whose team it shares.
    """
    user = find_user(cur, username) if caller.is_service and username else None
    if user is None or not {*teams_of(cur, caller)}.intersection(teams_of(cur, user)):
        return caller
    return user


def kind_of_entity(cur: Cursor, name: str) -> str | None:
    """Tell what an entity is; None when there is none of that name.

    Owners of projects that nobody made, such as those that a sync brought, are teams.
    """
    if name == lookup.ORG_ENTITY:
        return "organization"
    made = accounts.find_entity(cur, name)
    if made is not None:
        return made.kind
    known = name in lookup.entities(cur) or name == lookup.default_entity(cur)
    return "team" if known else None


def entity_of_id(cur: Cursor, storage_id: str) -> str | None:
    """Name the entity of an id; those of entities that nobody made follow from their names too."""
    owners = (user.username for user in list_users(cur))
    names = (lookup.ORG_ENTITY, *teams_of(cur, LOCAL), lookup.default_entity(cur), *owners)
    return next((name for name in names if lookup.numbered_id("Entity", name) == storage_id), None)


def members_of(cur: Cursor, entity: str) -> list[Member]:
    """Return the members of an entity and those invited to it."""
    if entity == lookup.ORG_ENTITY:
        return [_member(entity, user) for user in list_users(cur)]
    made = accounts.find_entity(cur, entity)
    owner = LOCAL if made is None else find_user(cur, entity) if made.kind == "user" else None
    first = [] if owner is None else [_member(entity, owner, role="admin")]
    return [*first, *accounts.read_members(cur, entity)]


def teams_of(cur: Cursor, user: User) -> list[str]:
    """Name the entities whose projects a user works on; the server's own user has them all."""
    if user.username != lookup.USER:
        return accounts.read_teams(cur, user.username)
    made = [team.name for team in accounts.read_entities(cur) if team.kind == "team"]
    names = [*lookup.entities(cur), *made] or [lookup.default_entity(cur)]
    return list(dict.fromkeys(names))


def visible_entities(cur: Cursor, user: User) -> list[str] | None:
    """Name the entities that a user may see; None stands for all."""
    return None if user.is_admin else [user.username, *teams_of(cur, user)]


def role_in(cur: Cursor, user: User, entity: str) -> str | None:
    """Tell what a user is in an entity; None for a stranger."""
    if user.is_admin or entity == user.username:
        return "admin"
    if entity == lookup.ORG_ENTITY:
        return "viewer"
    member = accounts.find_member(cur, entity, username=user.username)
    return None if member is None or member.pending else member.role


def registry_role(cur: Cursor, user: User, project: dict[str, Any]) -> str | None:
    """Tell what a user is in a registry, in person or through a team."""
    if user.is_admin:
        return "admin"
    names = {("user", user.username), *(("team", name) for name in teams_of(cur, user))}
    members = accounts.read_project_members(cur, project["project_no"])
    roles = {member.role for member in members if (member.kind, member.member) in names}
    for role in ("admin", "member", "viewer", "restricted_viewer"):
        if role in roles:
            return role
    return None if project["access"] == "RESTRICTED" else "viewer"


def may_read(cur: Cursor, user: User, entity: str, project: dict[str, Any] | None = None) -> bool:
    """Tell whether a user may see an entity or a project of it."""
    if project is not None and entity == lookup.ORG_ENTITY:
        return registry_role(cur, user, project) is not None
    return role_in(cur, user, entity) is not None


def may_write(cur: Cursor, user: User, entity: str, project: dict[str, Any] | None = None) -> bool:
    """Tell whether a user may change things in an entity or a project of it."""
    if project is not None and entity == lookup.ORG_ENTITY:
        return registry_role(cur, user, project) in _WRITERS
    return role_in(cur, user, entity) in _WRITERS


def issue_key(
    cur: Cursor, username: str, description: str | None, *, now: datetime
) -> tuple[ApiKey, str]:
    """Make a key for a user; its secret is nowhere but in the answer."""
    secret = new_token()
    digest = hash_of(secret)
    key = ApiKey(
        storage_id=lookup.opaque_id(f"ApiKey:{secrets.token_hex(8)}"),
        username=username,
        name=f"key-{digest[:8]}",
        hash=digest,
        description=description,
        created_at=now,
    )
    accounts.insert_api_key(cur, key)
    return key, secret


def create_user(cur: Cursor, email: str, *, is_admin: bool, now: datetime) -> User:
    """Make a user with an entity of their own, and a member of what their address is invited to.

    Raises:
        InputError: The address is none.
        ConflictError: Somebody has it.
    """
    front, at, host = email.partition("@")
    if not (front and at and host) or re.search(r"[\s\x00-\x1f\x7f]", email):
        raise InputError(f"{email[:80]!r} is not a mail address")
    if accounts.find_user(cur, email=email) is not None:
        raise ConflictError(f"there is a user with the address {email}")
    username = _free_name(cur, re.sub(r"[^A-Za-z0-9_-]+", "-", front).strip("-") or "user")
    user = _insert_user(
        cur, User("", username, name=username, email=email, is_admin=is_admin, created_at=now)
    )
    entity = Entity(
        lookup.numbered_id("Entity", username), username, "user", lookup.ORGANIZATION, now
    )
    accounts.insert_entity(cur, entity)
    accounts.accept_invitations(cur, email, username)
    return user


def create_team(cur: Cursor, name: str, admin: str, *, now: datetime) -> None:
    """Make a team.

    Raises:
        InputError: The name has signs that no team may have.
        ConflictError: An entity of that name is there.
        NotFoundError: There is no such user.
    """
    if _TEAM_NAME.fullmatch(name) is None:
        raise InputError(
            f"a team cannot be called {name[:80]!r}: take 1 to 64 letters, digits, '-', '_' or '.'"
        )
    if _is_taken(cur, name):
        raise ConflictError(f"there is an entity {name}")
    first = find_user(cur, admin)
    if first is None:
        raise NotFoundError(f"there is no user {admin}")
    team = Entity(lookup.numbered_id("Entity", name), name, "team", lookup.ORGANIZATION, now)
    accounts.insert_entity(cur, team)
    accounts.insert_member(cur, _member(name, first, role="admin", now=now))


def create_service_account(cur: Cursor, team: str, description: str, *, now: datetime) -> User:
    """Make an account for machines, a member of one team."""
    user = _insert_user(
        cur,
        User(
            storage_id="",
            username=f"service-{secrets.token_hex(4)}",
            name=description,
            is_service=True,
            created_at=now,
        ),
    )
    accounts.insert_member(cur, _member(team, user, now=now))
    return user


def invite(cur: Cursor, team: str, who: User | str, *, is_admin: bool, now: datetime) -> Member:
    """Take a user into a team, or keep a place for an address that nobody has yet.

    Raises:
        ConflictError: They are in it or invited already.
    """
    role: accounts.Role = "admin" if is_admin else "member"
    if isinstance(who, User):
        member = _member(team, who, role=role, now=now)
    else:
        member = Member(_member_id(team, who), team, None, who, role, True, now)
    if accounts.find_member(cur, team, storage_id=member.storage_id) is not None:
        raise ConflictError(f"{member.username or member.email} is in {team}, or invited to it")
    accounts.insert_member(cur, member)
    return member


def _insert_user(cur: Cursor, user: User) -> User:
    user = replace(user, storage_id=lookup.numbered_id("User", user.username))
    accounts.insert_user(cur, user)
    return user


def _member(
    entity: str, user: User, *, role: accounts.Role = "member", now: datetime | None = None
) -> Member:
    place = _member_id(entity, user.username)
    return Member(place, entity, user.username, user.email, role, False, now)


def _member_id(entity: str, who: str) -> str:
    return lookup.opaque_id(f"Member:{entity}:{who}")


def _free_name(cur: Cursor, wanted: str) -> str:
    wanted = wanted[:56]
    numbered: Iterable[str] = (f"{wanted}{number}" for number in range(2, 10_000))
    return next(name for name in (wanted, *numbered) if not _is_taken(cur, name))


def _is_taken(cur: Cursor, name: str) -> bool:
    return kind_of_entity(cur, name) is not None or find_user(cur, name) is not None
