"""Registries: searching what an organization collects, and who works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.query.expressions import And
from wbexport.query.fields import COLLECTION_FIELDS, PROJECT_FIELDS, VERSION_FIELDS
from wbexport.query.mongo import parse_filter
from wbexport.query.order import parse_order
from wbexport.server import people, registries
from wbexport.server.resolvers.collections import collection_node
from wbexport.server.resolvers.connections import (
    connection,
    filter_of,
    page_of,
    position_of,
)
from wbexport.server.resolvers.entities import entity_node
from wbexport.server.service import wire_time
from wbexport.store import accounts, artifact_listing, projects

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]

_COMMITTED = parse_filter({"state": "COMMITTED"}, VERSION_FIELDS)


def _visible_projects(
    entity: Node, info: Info, filters: str | None, order: str | None = None
) -> list[Node]:
    cur, caller = info.context.cursor, info.context.caller
    found = projects.read_projects_of(
        cur,
        entity["name"],
        where=filter_of(filters, PROJECT_FIELDS),
        order=parse_order(order, PROJECT_FIELDS) if order else (),
    ).to_pylist()
    return [row for row in found if people.may_read(cur, caller, entity["name"], row)]


def _projects(
    entity: Node,
    info: Info,
    *,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> Node:
    return connection(info, _visible_projects(entity, info, filters, order), first, after)


def _collections(
    entity: Node,
    info: Info,
    *,
    projectFilters: str | None = None,
    filters: str | None = None,
    collectionTypes: list[str] | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> Node:
    start, size = position_of(after), info.context.page(first)
    where = filter_of(filters, COLLECTION_FIELDS)
    visible = _visible_projects(entity, info, projectFilters)
    equal = {
        "project_no": [project["project_no"] for project in visible],
        "kind": collectionTypes or ["PORTFOLIO", "SEQUENCE"],
    }
    found = artifact_listing.read_collections(
        info.context.cursor,
        where=where,
        order=parse_order(order, COLLECTION_FIELDS) if order else (),
        limit=size + 1,
        offset=start,
        **equal,
    ).to_pylist()
    nodes = [collection_node(row) for row in found[:size]]
    return page_of(nodes, start, more=len(found) > size) | {
        "totalCount": lambda _: artifact_listing.count_collections(
            info.context.cursor, where=where, **equal
        )
    }


def _memberships(
    entity: Node,
    info: Info,
    *,
    projectFilters: str | None = None,
    collectionFilters: str | None = None,
    filters: str | None = None,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
) -> Node:
    start, size = position_of(after), info.context.page(first)
    cur = info.context.cursor
    visible = _visible_projects(entity, info, projectFilters)
    collections = artifact_listing.read_collections(
        cur,
        where=filter_of(collectionFilters, COLLECTION_FIELDS),
        project_no=[project["project_no"] for project in visible],
    )["collection_no"].to_pylist()
    where = And((_COMMITTED, filter_of(filters, VERSION_FIELDS)))
    found = artifact_listing.read_members(
        cur,
        where=where,
        order=parse_order(order or "-linked_at", VERSION_FIELDS),
        limit=size + 1,
        offset=start,
        collection_no=collections,
    ).to_pylist()
    return page_of(found[:size], start, more=len(found) > size) | {
        "totalCount": lambda _: artifact_listing.count_members(
            cur, where=where, collection_no=collections
        )
    }


def _members(project: Node, info: Info) -> list[Node]:
    cur = info.context.cursor
    return [
        {
            "id": user.storage_id,
            "name": user.name,
            "username": user.username,
            "email": user.email,
            "role": {"name": member.role},
        }
        for member in accounts.read_project_members(cur, project["project_no"])
        if member.kind == "user" and (user := people.find_user(cur, member.member)) is not None
    ]


def _team_members(project: Node, info: Info) -> list[Node]:
    return [
        {"team": entity_node(member.member), "role": {"name": member.role}}
        for member in accounts.read_project_members(info.context.cursor, project["project_no"])
        if member.kind == "team"
    ]


def _rename(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        project = registries.rename(
            cur, input["entityName"], input["oldProjectName"], input["newProjectName"]
        )
    return {"project": project, "inserted": False}


def _delete(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        registries.delete(cur, input.get("id") or "")
    return {"success": True}


def _add_members(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        registries.add_members(cur, input)
    return {"success": True}


def _remove_members(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        registries.remove_members(cur, input)
    return {"success": True}


def _change_role(_: object, info: Info, input: Node) -> Node:
    member = {"userIds": [input["userId"]]}
    return _with_role(info, input["projectId"], member, input["userProjectRole"])


def _change_team_role(_: object, info: Info, input: Node) -> Node:
    member = {"teamIds": [input["teamId"]]}
    return _with_role(info, input["projectId"], member, input["teamProjectRole"])


def _with_role(info: Info, project_id: str, member: Node, role: str) -> Node:
    with info.context.service.writing(soon=True) as cur:
        registries.change_role(cur, project_id, member, role)
    return {"success": True}


RESOLVERS = {
    "Mutation": {
        "renameProject": _rename,
        "deleteModel": _delete,
        "createProjectMembers": _add_members,
        "deleteProjectMembers": _remove_members,
        "updateProjectMember": _change_role,
        "updateProjectTeamMember": _change_team_role,
    },
    "Organization": {
        "advancedRegistryFeatures": lambda organization, info: {"advancedSearch": True},
    },
    "Entity": {
        "projects": _projects,
        "artifactCollections": _collections,
        "artifactMemberships": _memberships,
    },
    "Project": {
        "allowAllArtifactTypesInRegistry": lambda project, info: registries.allows_all_types(
            project
        ),
        "members": _members,
        "teamMembers": _team_members,
        "updatedAt": lambda project, info: wire_time(registries.updated_at(project)),
    },
}
