"""The owners of projects, and what the server can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.server import lookup, people

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node


__all__ = ["RESOLVERS", "entity_node"]

#: What clients may rely on; a name that is missing counts as off.
_FEATURES = (
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_DIGEST_ALGORITHM",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_REGISTRY_SEARCH",
    "ARTIFACT_TAGS",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "AUTOMATION_ACTION_ARIA",
    "AUTOMATION_ACTION_NO_OP",
    "AUTOMATION_ACTION_PUSH_NOTIFICATION",
    "AUTOMATION_EVENT_ADD_ARTIFACT_TAG",
    "AUTOMATION_EVENT_ADD_COLLECTION_TAG",
    "AUTOMATION_EVENT_REMOVE_ARTIFACT_TAG",
    "AUTOMATION_EVENT_REMOVE_COLLECTION_TAG",
    "AUTOMATION_EVENT_RUN_METRIC",
    "AUTOMATION_EVENT_RUN_METRIC_CHANGE",
    "AUTOMATION_EVENT_RUN_METRIC_ZSCORE",
    "AUTOMATION_EVENT_RUN_STATE",
    "AUTOMATION_EVENT_UNLINK_ARTIFACT",
    "AUTOMATION_SCOPE_ENTITY",
    "CLIENT_IDS",
    "FILESTREAM_GZIP",
    "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "KEY_OF_NEW_ACCOUNT",
    "LARGE_FILENAMES",
    "MARK_RUN_FILES_UPLOADED",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "QUERY_AUTOMATIONS_ON_ENTITY",
    "SWEEPS_LOCAL_SCHEDULER",
    "SWEEPS_QUERY_FILTERING",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)


def entity_node(name: str) -> Node:
    """Return an entity; `entity` says whose it is, as in every node that belongs to somebody."""
    return {
        "id": lookup.numbered_id("Entity", name),
        "entity": name,
        "name": name,
        "available": False,
        "limits": "{}",
        "readOnly": False,
        "readOnlyAdmin": False,
        "privateOnly": False,
        "storageBytes": 0,
        "codeSavingEnabled": False,
        "defaultAccess": "PRIVATE",
        "isPaid": False,
        "xxhashDigestsEnabled": True,
    }


def _server_info(_: object, info: Info) -> Node:
    return {
        # Older SDKs take no artifacts from a server that does not know their like.
        "cliVersionInfo": {"min_cli_version": "0.19.0", "max_cli_version": "0.31.0"},
        "features": [{"name": name, "isEnabled": True} for name in _FEATURES],
    }


def _entity(_: object, info: Info, name: str | None = None) -> Node | None:
    cur = info.context.cursor
    caller = info.context.caller.username
    name = name or (lookup.default_entity(cur) if caller == lookup.USER else caller)
    return None if people.kind_of_entity(cur, name) is None else entity_node(name)


def _entity_type(entity: Node, info: Info) -> str | None:
    return people.kind_of_entity(info.context.cursor, entity["name"])


def _is_team(entity: Node, info: Info) -> bool:
    return _entity_type(entity, info) == "team"


def _entity_project(entity: Node, info: Info, name: str | None = None) -> Node | None:
    return lookup.find_project(info.context.cursor, entity["name"], name)


RESOLVERS = {
    "Query": {"serverInfo": _server_info, "entity": _entity},
    "Entity": {
        "entityType": _entity_type,
        "isTeam": _is_team,
        "project": _entity_project,
    },
}
