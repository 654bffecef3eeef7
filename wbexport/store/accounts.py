"""Users, their keys (of which only hashes are kept), entities, and who belongs to what."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Literal

from wbexport.store.exchange import fetch_row

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

__all__ = [
    "ApiKey",
    "Entity",
    "Member",
    "ProjectMember",
    "Role",
    "User",
    "accept_invitations",
    "delete_api_key",
    "delete_member",
    "delete_project_member",
    "find_api_key",
    "find_entity",
    "find_key_owner",
    "find_member",
    "find_user",
    "insert_api_key",
    "insert_entity",
    "insert_member",
    "insert_user",
    "read_api_keys",
    "read_entities",
    "read_members",
    "read_project_members",
    "read_teams",
    "read_users",
    "write_project_member",
]

#: What a member may do; only registries have the last.
Role = Literal["admin", "member", "viewer", "restricted_viewer"]


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Args:
        storage_id: What GraphQL calls the user's id.
        username: The name that nobody else has.
        name: What people call the user.
        email: The user's address.
        is_admin: Whether the user may do everything on the server.
        is_service: Whether no person uses the account.
        created_at: When it was made, in UTC.
    """

    storage_id: str
    username: str
    name: str | None = None
    email: str | None = None
    is_admin: bool = False
    is_service: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a user, without its secret.

    Args:
        storage_id: What GraphQL calls the key's id.
        username: Whose key it is.
        name: By what its owner knows it.
        hash: The sha256 of the secret, in hexadecimal.
        description: What it is for.
        created_at: When it was made, in UTC.
    """

    storage_id: str
    username: str
    name: str
    hash: str
    description: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An owner of projects.

    Args:
        storage_id: What GraphQL calls the entity's id.
        name: Its name.
        kind: What it is.
        organization: The organization it belongs to.
        created_at: When it was made, in UTC.
    """

    storage_id: str
    name: str
    kind: Literal["user", "team", "organization"]
    organization: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an entity, or somebody who is invited to it.

    Args:
        storage_id: What GraphQL calls the member's or the invitation's id.
        entity: The entity.
        username: The user; None when nobody has the address yet.
        email: The address that was invited.
        role: What the member may do.
        pending: Whether it is only an invitation so far.
        created_at: When it was made, in UTC.
    """

    storage_id: str
    entity: str
    username: str | None = None
    email: str | None = None
    role: Role = "member"
    pending: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """A member of a registry.

    Args:
        project_no: The registry's project.
        kind: Whether it is a user or a team.
        member: The user's or the team's name.
        role: What they may do.
    """

    project_no: int
    kind: Literal["user", "team"]
    member: str
    role: Role


_USER = "storage_id, username, name, email, is_admin, is_service, created_at"
_KEY = "storage_id, username, name, hash, description, created_at"
_ENTITY = "storage_id, name, kind, organization, created_at"
_MEMBER = "storage_id, entity, username, email, role, pending, created_at"


def find_user(
    cursor: duckdb.DuckDBPyConnection, *, username: str | None = None, email: str | None = None
) -> User | None:
    """Return the user of a name or, whatever its case, an address."""
    found = fetch_row(
        cursor,
        f"select {_USER} from stored.users where username = ? or lower(email) = lower(?)",
        [username, email],
    )
    return None if found is None else User(*found)


def find_key_owner(cursor: duckdb.DuckDBPyConnection, digest: str) -> str | None:
    """Name the user whose key has this hash."""
    found = fetch_row(cursor, "select username from stored.api_keys where hash = ?", [digest])
    return None if found is None else str(found[0])


def read_users(cursor: duckdb.DuckDBPyConnection) -> list[User]:
    """Return every user, the oldest first."""
    found = cursor.execute(f"select {_USER} from stored.users order by created_at, username")
    return [User(*row) for row in found.fetchall()]


def insert_user(cursor: duckdb.DuckDBPyConnection, user: User) -> None:
    """Write a new user."""
    cursor.execute("insert into stored.users values (?, ?, ?, ?, ?, ?, ?)", astuple(user))


def read_api_keys(cursor: duckdb.DuckDBPyConnection, username: str) -> list[ApiKey]:
    """Return a user's keys, the oldest first."""
    found = cursor.execute(
        f"select {_KEY} from stored.api_keys where username = ? order by created_at, storage_id",
        [username],
    )
    return [ApiKey(*row) for row in found.fetchall()]


def find_api_key(cursor: duckdb.DuckDBPyConnection, storage_id: str) -> ApiKey | None:
    """Return the key of an identity."""
    found = fetch_row(
        cursor, f"select {_KEY} from stored.api_keys where storage_id = ?", [storage_id]
    )
    return None if found is None else ApiKey(*found)


def insert_api_key(cursor: duckdb.DuckDBPyConnection, key: ApiKey) -> None:
    """Write a new key."""
    cursor.execute("insert into stored.api_keys values (?, ?, ?, ?, ?, ?)", astuple(key))


def delete_api_key(cursor: duckdb.DuckDBPyConnection, storage_id: str) -> None:
    """Forget a key."""
    cursor.execute("delete from stored.api_keys where storage_id = ?", [storage_id])


def find_entity(cursor: duckdb.DuckDBPyConnection, name: str) -> Entity | None:
    """Return the entity of a name, when it was made as one and not just by its projects."""
    found = fetch_row(cursor, f"select {_ENTITY} from stored.entities where name = ?", [name])
    return None if found is None else Entity(*found)


def read_entities(cursor: duckdb.DuckDBPyConnection) -> list[Entity]:
    """Return every entity that was made as one, the oldest first."""
    found = cursor.execute(f"select {_ENTITY} from stored.entities order by created_at, name")
    return [Entity(*row) for row in found.fetchall()]


def insert_entity(cursor: duckdb.DuckDBPyConnection, entity: Entity) -> None:
    """Write a new entity."""
    cursor.execute("insert into stored.entities values (?, ?, ?, ?, ?)", astuple(entity))


def read_members(cursor: duckdb.DuckDBPyConnection, entity: str) -> list[Member]:
    """Return the members of an entity and those invited, the oldest first."""
    found = cursor.execute(
        f"select {_MEMBER} from stored.members where entity = ? order by created_at, storage_id",
        [entity],
    )
    return [Member(*row) for row in found.fetchall()]


def find_member(
    cursor: duckdb.DuckDBPyConnection,
    entity: str,
    *,
    username: str | None = None,
    storage_id: str | None = None,
) -> Member | None:
    """Return one member of an entity."""
    found = fetch_row(
        cursor,
        f"""
        select {_MEMBER}
        from stored.members
        where entity = ? and (username = ? or storage_id = ?)
        """,
        [entity, username, storage_id],
    )
    return None if found is None else Member(*found)


def read_teams(cursor: duckdb.DuckDBPyConnection, username: str) -> list[str]:
    """Name the entities that a user is a member of, those joined first before others."""
    found = cursor.execute(
        """
        select entity
        from stored.members
        where username = ? and not pending
        order by created_at, entity
        """,
        [username],
    ).fetchall()
    return [name for (name,) in found]


def insert_member(cursor: duckdb.DuckDBPyConnection, member: Member) -> None:
    """Write a new member or invitation."""
    cursor.execute("insert into stored.members values (?, ?, ?, ?, ?, ?, ?)", astuple(member))


def delete_member(cursor: duckdb.DuckDBPyConnection, storage_id: str) -> None:
    """Forget a member or an invitation."""
    cursor.execute("delete from stored.members where storage_id = ?", [storage_id])


def accept_invitations(cursor: duckdb.DuckDBPyConnection, email: str, username: str) -> None:
    """Make a user a member of whatever the user's address was invited to."""
    cursor.execute(
        """
        update stored.members
        set username = ?, pending = false
        where pending and username is null and lower(email) = lower(?)
        """,
        [username, email],
    )


def read_project_members(cursor: duckdb.DuckDBPyConnection, project_no: int) -> list[ProjectMember]:
    """Return the members of a registry by name."""
    found = cursor.execute(
        """
        select project_no, kind, member, role
        from stored.project_members
        where project_no = ?
        order by kind desc, member
        """,
        [project_no],
    )
    return [ProjectMember(*row) for row in found.fetchall()]


def write_project_member(cursor: duckdb.DuckDBPyConnection, member: ProjectMember) -> None:
    """Write a member of a registry, in place of what the same member was before."""
    delete_project_member(cursor, member.project_no, member.kind, member.member)
    cursor.execute("insert into stored.project_members values (?, ?, ?, ?)", astuple(member))


def delete_project_member(
    cursor: duckdb.DuckDBPyConnection, project_no: int, kind: str, member: str
) -> None:
    """Forget a member of a registry."""
    cursor.execute(
        "delete from stored.project_members where project_no = ? and kind = ? and member = ?",
        [project_no, kind, member],
    )
