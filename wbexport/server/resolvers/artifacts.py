"""Artifact versions: reading them, logging them, and what a client may do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.server import artifact_lookup, artifacts, memberships
from wbexport.server.resolvers.collections import (
    alias_node,
    collection_node,
    tag_node,
    type_node,
)
from wbexport.server.resolvers.connections import connection
from wbexport.server.service import wire_time
from wbexport.server.siblings import siblings_of

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]

#: What W&B answers for a version that has no time to live of its own.
_INHERITED = -1


def _artifact(_: object, info: Info, id: str) -> Node | None:
    return artifact_lookup.find_version(info.context.cursor, id)


def _client_id_mapping(_: object, info: Info, clientID: str) -> Node | None:
    found = artifact_lookup.find_by_client_id(info.context.cursor, clientID)
    return found and {"serverID": found["storage_id"]}


def _memberships(artifact: Node, info: Info) -> Node:
    members = siblings_of(info.context, artifact).members[artifact["artifact_no"]]
    return connection(info, members, len(members), None)


def _create(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        version = artifacts.create(cur, input, username=info.context.username, now=service.clock())
    return {"artifact": version, "clientMutationId": input.get("clientMutationId")}


def _update(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        return {"artifact": artifacts.update(cur, input, now=service.clock())}


def _delete(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        aliases_too = bool(input.get("deleteAliases"))
        return {"artifact": artifacts.delete(cur, input["artifactID"], aliases_too=aliases_too)}


def _link(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        member = memberships.link(cur, input, now=service.clock())
    return {"versionIndex": member["version_index"], "artifactMembership": member}


def _unlink(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing(soon=True) as cur:
        memberships.unlink(cur, input["artifactID"], input["artifactPortfolioID"])
    return {
        "success": True,
        "artifactID": input["artifactID"],
        "clientMutationId": input.get("clientMutationId"),
    }


def _add_aliases(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        memberships.add_aliases(cur, input["artifactID"], input["aliases"])
    return {"success": True}


def _delete_aliases(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        memberships.delete_aliases(cur, input["artifactID"], input["aliases"])
    return {"success": True}


def _column(name: str) -> Any:
    return lambda artifact, info: artifact[name]


def _count(name: str) -> Any:
    return lambda artifact, info: artifact[name] or 0


RESOLVERS = {
    "Query": {"artifact": _artifact, "clientIDMapping": _client_id_mapping},
    "Mutation": {
        "createArtifact": _create,
        "updateArtifact": _update,
        "deleteArtifact": _delete,
        "linkArtifact": _link,
        "unlinkArtifact": _unlink,
        "addAliases": _add_aliases,
        "deleteAliases": _delete_aliases,
    },
    "Artifact": {
        "id": _column("storage_id"),
        "artifactSequence": lambda artifact, info: collection_node(artifact["collection"]),
        "artifactType": lambda artifact, info: type_node(
            artifact["collection"]["project_no"], artifact["collection"]["type"]
        ),
        "versionIndex": _column("version_index"),
        "ttlDurationSeconds": lambda artifact, info: artifact["ttl_seconds"] or _INHERITED,
        "ttlIsInherited": lambda artifact, info: artifact["ttl_seconds"] in (None, _INHERITED),
        "tags": lambda artifact, info: [tag_node(name) for name in artifact["tags"] or ()],
        "historyStep": _column("history_step"),
        "digestAlgorithm": _column("digest_algorithm"),
        "commitHash": _column("commit_hash"),
        "size": _count("size"),
        "fileCount": _count("file_count"),
        "createdAt": lambda artifact, info: wire_time(artifact["created_at"]),
        "updatedAt": lambda artifact, info: wire_time(artifact["updated_at"]),
        "aliases": lambda artifact, info: [alias_node(each) for each in artifact["aliases"]],
        "artifactMemberships": _memberships,
    },
}
