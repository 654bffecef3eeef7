"""Makes and changes registries: projects of an organization that collect links to versions."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from wbexport.arrow.literals import parse_json, write_json
from wbexport.errors import ConflictError, InputError, NotFoundError
from wbexport.paths import REGISTRY_PREFIX
from wbexport.server import collections, lookup, people
from wbexport.store import accounts, artifact_listing, projects
from wbexport.store.accounts import ProjectMember, Role
from wbexport.store.logged import ensure_project

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from wbexport.server.service import Node
    from wbexport.store.accounts import User

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "add_members",
    "allows_all_types",
    "change_role",
    "delete",
    "is_registry",
    "remove_members",
    "rename",
    "require_type",
    "save",
    "updated_at",
]

#: Who sees a registry: everybody of the organization, or its members.
_ACCESS = ("PRIVATE", "RESTRICTED")
_NOT_IN_NAMES = re.compile(r"[/\\#?%:\x00-\x1f\x7f]")
_MAX_NAME = 128


def is_registry(entity: str, name: str) -> bool:
    """Tell whether a path is that of a registry, under the organization's name or its entity's."""
    names = (lookup.ORGANIZATION, lookup.ORG_ENTITY)
    return entity in names and name.startswith(REGISTRY_PREFIX)


def allows_all_types(project: Node) -> bool:
    """Tell whether versions of any type may be linked."""
    return bool(_attributes(project).get("allow_all_artifact_types", True))


def updated_at(project: Node) -> datetime | None:
    """Return when a registry was changed last; other projects do not know."""
    text = _attributes(project).get("updated_at")
    return None if text is None else datetime.fromisoformat(text)


def require_type(cur: Cursor, entity: str, name: str, type_name: str) -> None:
    """Check that versions of a type may be linked into a project.

    Raises:
        NotFoundError: It is a registry that is not there.
        InputError: It is a registry of other types.
    """
    if not is_registry(entity, name):
        return
    project = lookup.find_project(cur, entity, name)
    if project is None:
        raise NotFoundError(f"there is no registry {entity}/{name} here")
    known = artifact_listing.read_types(cur, project["project_no"])["name"].to_pylist()
    if not allows_all_types(project) and type_name not in known:
        raise InputError(
            f"the registry {name} takes artifacts of type {', '.join(known) or 'none'}, "
            f"not {type_name!r}; add the type to it first"
        )


def save(cur: Cursor, given: Node, user: User, *, now: datetime) -> tuple[Node, bool]:
    """Make a registry, or change what an input of `upsertModel` names.

    Types can be added and never taken away. Who makes a registry administers it.

    Returns:
        The project, and whether it is new.

    Raises:
        InputError: The name, the visibility or a type is malformed.
    """
    name = _checked_name(given["name"])
    if not name.startswith(REGISTRY_PREFIX) or name == REGISTRY_PREFIX:
        raise InputError(
            f"the entity of an organization only has registries, {REGISTRY_PREFIX}NAME"
        )
    access = given.get("access")
    if access is not None and access not in _ACCESS:
        raise InputError(f"a registry is {' or '.join(_ACCESS)}, not {access!r}")
    known = lookup.find_project(cur, lookup.ORG_ENTITY, name)
    types = [each["name"] for each in given.get("artifactTypes") or ()]
    attributes = _attributes(known) if known else {"allow_all_artifact_types": not types}
    if given.get("allowAllArtifactTypesInRegistry") is not None:
        attributes["allow_all_artifact_types"] = given["allowAllArtifactTypesInRegistry"]
    number, inserted = ensure_project(
        cur,
        lookup.ORG_ENTITY,
        name,
        now=now,
        description=given.get("description"),
        access=access or (None if known else _ACCESS[0]),
        attributes=write_json(attributes | {"updated_at": now.isoformat()}),
    )
    for type_name in types:
        collections.ensure_type(cur, number, type_name, now=now)
    if inserted:
        creator = ProjectMember(number, "user", user.username, "admin")
        accounts.write_project_member(cur, creator)
    return cast("Node", lookup.find_project(cur, lookup.ORG_ENTITY, name)), inserted


def rename(cur: Cursor, entity: str, old: str, new: str) -> Node:
    """Give a registry another name. Other projects keep theirs: runs have it in their ids.

    Raises:
        NotFoundError: There is no such registry.
        ConflictError: There is another of the new name.
        InputError: It is not a registry, or the new name is malformed.
    """
    if not (is_registry(entity, old) and is_registry(entity, _checked_name(new))):
        raise InputError(f"only registries can be renamed, from and to {REGISTRY_PREFIX}NAME")
    project = lookup.find_project(cur, entity, old)
    if project is None:
        raise NotFoundError(f"there is no registry {entity}/{old} here")
    if lookup.find_project(cur, entity, new) is not None:
        raise ConflictError(f"there is a registry {entity}/{new} already")
    projects.rename_project(cur, project["project_no"], new)
    return cast("Node", lookup.find_project(cur, entity, new))


def delete(cur: Cursor, storage_id: str) -> None:
    """Delete a project with all that is in it.

    Raises:
        NotFoundError: There is no such project.
    """
    projects.delete_project(cur, _project_of(cur, storage_id)["project_no"])


def add_members(cur: Cursor, given: Node) -> None:
    """Give users and teams the role of a member, unless they have one.

    Raises:
        NotFoundError: There is no such project, user or team.
    """
    project = _project_of(cur, given["projectId"])
    known = accounts.read_project_members(cur, project["project_no"])
    have = {(member.kind, member.member) for member in known}
    for kind, name in _named(cur, given):
        if (kind, name) not in have:
            member = ProjectMember(project["project_no"], kind, name, "member")
            accounts.write_project_member(cur, member)


def remove_members(cur: Cursor, given: Node) -> None:
    """Take their roles from users and teams.

    Raises:
        NotFoundError: There is no such project, user or team.
    """
    project = _project_of(cur, given["projectId"])
    for kind, name in _named(cur, given):
        accounts.delete_project_member(cur, project["project_no"], kind, name)


def change_role(cur: Cursor, project_id: str, member: Node, role: str) -> None:
    """Give a member another role.

    Args:
        cur: Cursor of a transaction.
        project_id: The registry.
        member: `userIds` or `teamIds`, a list of one.
        role: The role.

    Raises:
        NotFoundError: There is no such project, user or team, or it is not a member.
        InputError: There is no such role.
    """
    if role not in get_args(Role):
        raise InputError(f"{role!r} is no role; choose among {', '.join(get_args(Role))}")
    project = _project_of(cur, project_id)
    ((kind, name),) = _named(cur, member)
    known = accounts.read_project_members(cur, project["project_no"])
    if (kind, name) not in {(each.kind, each.member) for each in known}:
        raise NotFoundError(f"{name} is not a member of {project['project']}")
    changed = ProjectMember(project["project_no"], kind, name, cast("Role", role))
    accounts.write_project_member(cur, changed)


def _named(cur: Cursor, given: Node) -> Iterable[tuple[Literal["user", "team"], str]]:
    users = {user.storage_id: user.username for user in people.list_users(cur)}
    for storage_id in given.get("userIds") or ():
        if storage_id not in users:
            raise NotFoundError(f"there is no user with id {storage_id} here")
        yield "user", users[storage_id]
    for storage_id in given.get("teamIds") or ():
        name = people.entity_of_id(cur, storage_id)
        if name is None or people.kind_of_entity(cur, name) != "team":
            raise NotFoundError(f"there is no team with id {storage_id} here")
        yield "team", name


def _project_of(cur: Cursor, storage_id: str) -> Node:
    project = lookup.find_project_by_storage_id(cur, storage_id)
    if project is None:
        raise NotFoundError(f"there is no project with id {storage_id} here")
    return project


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > _MAX_NAME or _NOT_IN_NAMES.search(name):
        raise InputError(
            f"{name[:_MAX_NAME]!r} is no name for a project: it takes 1 to {_MAX_NAME} characters "
            "without / \\ # ? % :"
        )
    return name


def _attributes(project: Node) -> dict[str, Any]:
    return parse_json(project["attributes"]) if project["attributes"] else {}
