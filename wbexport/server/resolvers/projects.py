"""Projects: looking them up, listing them, creating them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.errors import InputError
from wbexport.server import lookup, people, recorder, registries
from wbexport.server.resolvers import accounts, entities
from wbexport.server.resolvers.connections import connection
from wbexport.server.service import wire_time

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.service import Info, Node


__all__ = ["RESOLVERS"]


def _project(
    _: object,
    info: Info,
    *,
    name: str | None = None,
    entityName: str | None = None,
) -> Node | None:
    entity = entityName or lookup.default_entity(info.context.cursor)
    return info.context.service.recall.project(info.context, entity, name)


def _models(
    _: object,
    info: Info,
    *,
    entityName: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    cur = info.context.cursor
    projects = lookup.list_projects(cur, entityName or lookup.default_entity(cur))
    return connection(info, projects, first, after)


def _upsert_model(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    if not input.get("name"):
        raise InputError("a project needs a name")
    with service.writing(soon=True) as cur:
        entity = input.get("entityName") or lookup.default_entity(cur)
        project, inserted = _save(cur, entity, input, info)
    return {"project": project, "model": project, "inserted": inserted}


def _save(
    cur: duckdb.DuckDBPyConnection, entity: str, input: Node, info: Info
) -> tuple[Node | None, bool]:
    now = info.context.service.clock()
    if entity == lookup.ORG_ENTITY or registries.is_registry(entity, input["name"]):
        return registries.save(cur, input, info.context.author, now=now)
    _, inserted = recorder.ensure_project(
        cur,
        entity,
        input["name"],
        now=now,
        description=input.get("description"),
        access=input.get("access"),
    )
    return lookup.find_project(cur, entity, input["name"]), inserted


def _user(project: Node, info: Info) -> Node:
    """Return who answers for a project: its owner, or for a team the server's own user."""
    owner = people.find_user(info.context.cursor, project["entity"])
    return accounts.user_node(owner or people.LOCAL)


_QUERY = {"project": _project, "model": _project, "models": _models}

_MUTATION = {"upsertModel": _upsert_model}

RESOLVERS = {
    "Mutation": _MUTATION,
    "Query": _QUERY,
    "Project": {
        "id": lambda project, info: project["storage_id"],
        "internalId": lambda project, info: lookup.opaque_id(
            f"ProjectInternalId:{project['project_no']}"
        ),
        "name": lambda project, info: project["project"],
        "entityName": lambda project, info: project["entity"],
        "entity": lambda project, info: entities.entity_node(project["entity"]),
        "createdAt": lambda project, info: wire_time(project["created_at"]),
        "isBenchmark": lambda project, info: False,
        "readOnly": lambda project, info: not info.context.service.writable,
        "user": _user,
    },
}
