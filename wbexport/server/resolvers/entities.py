"""The one user of a local server, its entities, and what the server can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from wbexport.server import lookup
from wbexport.server.resolvers.connections import connection

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node


__all__ = ["RESOLVERS", "entity_node", "viewer"]

#: What clients may rely on; a name that is missing counts as off.
_FEATURES = (
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_TAGS",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "CLIENT_IDS",
    "FILESTREAM_GZIP",
    "LARGE_FILENAMES",
    "MARK_RUN_FILES_UPLOADED",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "SWEEPS_LOCAL_SCHEDULER",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)


def _id(kind: str, text: str) -> str:
    return lookup.opaque_id(f"{kind}:{text}")


def viewer(_: object, info: Info) -> Node:
    """Return the user that every holder of the token is."""
    return {
        "id": _id("User", lookup.USER),
        "name": lookup.USER,
        "username": lookup.USER,
        "email": "",
        "admin": False,
        "flags": json.dumps({"code_saving_enabled": False}),
        "entity": lookup.default_entity(info.context.cursor),
        "apiKeys": {"edges": []},
        "organizations": [],
    }


def entity_node(name: str) -> Node:
    """Return an entity; on this server each is a team of one."""
    return {
        "id": _id("Entity", name),
        "name": name,
        "available": False,
        "limits": "{}",
        "readOnly": False,
        "readOnlyAdmin": False,
        "isTeam": True,
        "entityType": "team",
        "privateOnly": False,
        "storageBytes": 0,
        "codeSavingEnabled": False,
        "defaultAccess": "PRIVATE",
        "isPaid": False,
    }


def _server_info(_: object, info: Info) -> Node:
    return {
        "cliVersionInfo": {},
        "features": [{"name": name, "isEnabled": True} for name in _FEATURES],
    }


def _users(_: object, info: Info, query: str | None = None) -> Node:
    matches = not query or query in lookup.USER
    return {"edges": [{"node": viewer(None, info)}] if matches else []}


def _entity(_: object, info: Info, name: str | None = None) -> Node | None:
    names = lookup.entities(info.context.cursor)
    default = lookup.default_entity(info.context.cursor)
    if name is None or name in (*names, default):
        return entity_node(name or default)
    return None


def _teams(_: Node, info: Info) -> Node:
    names = lookup.entities(info.context.cursor) or [lookup.default_entity(info.context.cursor)]
    return {"edges": [{"node": entity_node(name)} for name in names], "pageInfo": None}


def _members(_: Node, info: Info) -> list[Node]:
    return [viewer(None, info) | {"pending": False, "accountType": "USER"}]


def _entity_project(entity: Node, info: Info, name: str | None = None) -> Node | None:
    return lookup.find_project(info.context.cursor, entity["name"], name)


def _entity_projects(
    entity: Node,
    info: Info,
    *,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> Node:
    return connection(info, lookup.list_projects(info.context.cursor, entity["name"]), first, after)


def _viewer_projects(
    user: Node, info: Info, *, after: str | None = None, first: int | None = None
) -> Node:
    return connection(info, lookup.list_projects(info.context.cursor, user["entity"]), first, after)


_QUERY = {"serverInfo": _server_info, "viewer": viewer, "users": _users, "entity": _entity}

RESOLVERS = {
    "Query": _QUERY,
    "User": {"teams": _teams, "projects": _viewer_projects},
    "Entity": {
        "members": _members,
        "user": viewer,
        "project": _entity_project,
        "projects": _entity_projects,
    },
}
