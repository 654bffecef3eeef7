"""Artifact types, collections, and which versions are in a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.query.fields import COLLECTION_FIELDS, VERSION_FIELDS
from wbexport.query.order import parse_order
from wbexport.server import artifact_lookup, collections, lookup
from wbexport.server.resolvers.artifact_files import files_of
from wbexport.server.resolvers.connections import connection, filter_of, page_of, position_of
from wbexport.server.service import wire_time
from wbexport.server.siblings import together
from wbexport.store import artifact_listing

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS", "alias_node", "collection_node", "tag_node", "type_node"]

_TYPE_NAMES = {"SEQUENCE": "ArtifactSequence", "PORTFOLIO": "ArtifactPortfolio"}


def collection_node(collection: Node) -> Node:
    """Return a collection as the kind of object that it is."""
    return collection | {"__typename": _TYPE_NAMES[collection["kind"]]}


def type_node(project_no: int, name: str) -> Node:
    """Return the type of a collection, of which mostly nothing but the name is asked."""
    return {"project_no": project_no, "name": name}


def _types(
    project: Node,
    info: Info,
    *,
    includeAll: bool | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    found = artifact_listing.read_types(info.context.cursor, project["project_no"])
    return connection(info, found.to_pylist(), first, after)


def _type(project: Node, info: Info, name: str) -> Node | None:
    return _find_type(project["project_no"], name, info)


def _find_type(project_no: int, name: str, info: Info) -> Node | None:
    found = artifact_listing.read_types(info.context.cursor, project_no).to_pylist()
    return next((row for row in found if row["name"] == name), None)


def _of_type(column: str) -> Any:
    """Resolve a column of a type whose row was not read yet."""

    def read(node: Node, info: Info) -> Any:
        row = node if column in node else _find_type(node["project_no"], node["name"], info)
        return row and row[column]

    return read


def _collections(
    owner: Node,
    info: Info,
    *,
    filters: str | None = None,
    order: str | None = None,
    after: str | None = None,
    first: int | None = None,
    **equal: Any,
) -> Node:
    start, size = position_of(after), info.context.page(first)
    where = filter_of(filters, COLLECTION_FIELDS)
    equal["project_no"] = owner["project_no"]
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


def _collections_of_type(node: Node, info: Info, **arguments: Any) -> Node:
    return _collections(node, info, **arguments, type=node["name"])


def _collection(owner: Node, info: Info, name: str, type_name: str | None = None) -> Node | None:
    found = artifact_lookup.find_collection(
        info.context.cursor, owner["project_no"], name, type_name
    )
    return found and collection_node(found)


def _collection_of_type(node: Node, info: Info, name: str) -> Node | None:
    return _collection(node, info, name, node["name"])


def _collection_by_id(_: object, info: Info, id: str) -> Node | None:
    found = artifact_listing.read_collections(info.context.cursor, storage_id=id).to_pylist()
    return collection_node(found[0]) if found else None


def _versions(
    collection: Node,
    info: Info,
    *,
    after: str | None = None,
    first: int | None = None,
    order: str | None = None,
    filters: str | None = None,
) -> Node:
    start, size = position_of(after), info.context.page(first)
    where = filter_of(filters, VERSION_FIELDS)
    number = collection["collection_no"]
    found = artifact_listing.read_members(
        info.context.cursor,
        where=where,
        order=parse_order(order, VERSION_FIELDS) if order else (),
        limit=size + 1,
        offset=start,
        collection_no=number,
    ).to_pylist()
    versions = together(info.context, [row["artifact"] for row in found[:size]])
    page = page_of(versions, start, more=len(found) > size)
    for edge, row in zip(page["edges"], found, strict=False):
        edge["version"] = f"v{row['version_index']}"
    return page | {
        "totalCount": lambda _: artifact_listing.count_members(
            info.context.cursor, where=where, collection_no=number
        )
    }


def _aliases(
    collection: Node, info: Info, *, after: str | None = None, first: int | None = None
) -> Node:
    members = artifact_listing.read_members(
        info.context.cursor, collection_no=collection["collection_no"]
    ).to_pylist()
    aliases = [alias for member in members for alias in _member_aliases(member, info)]
    return connection(info, aliases, first, after)


def _latest(sequence: Node, info: Info) -> Node | None:
    found = artifact_listing.read_members(
        info.context.cursor, collection_no=sequence["collection_no"], limit=1
    ).to_pylist()
    return found[0]["artifact"] if found else None


def _digest_algorithm(sequence: Node, info: Info) -> str | None:
    latest = _latest(sequence, info)
    return None if latest is None else latest["digest_algorithm"]


def _membership(collection: Node, info: Info, aliasName: str) -> Node | None:
    return artifact_lookup.find_member(info.context.cursor, collection["collection_no"], aliasName)


def _membership_by_name(project: Node, info: Info, name: str) -> Node | None:
    return artifact_lookup.find_member_by_name(info.context.cursor, project["project_no"], name)


def _version_by_name(
    project: Node, info: Info, name: str, enableTracking: bool | None = None
) -> Node | None:
    member = _membership_by_name(project, info, name)
    return member and member["artifact"]


def _member_aliases(member: Node, info: Info) -> list[Node]:
    wanted = [each for each in member["artifact"]["aliases"] if _is_of(each, member)]
    return [alias_node(each) for each in wanted]


def _is_of(alias: Node, member: Node) -> bool:
    return bool(alias["storage_id"] == member["storage_id"])


def alias_node(alias: Node) -> Node:
    """Return an alias of a version in a collection."""
    return {
        "id": lookup.opaque_id(f"ArtifactAlias:{alias['storage_id']}:{alias['alias']}"),
        "alias": alias["alias"],
        "artifactCollection": collection_node(alias["collection"]),
        "project": alias["collection"]["project"],
    }


def tag_node(name: str) -> Node:
    """Return a tag."""
    return {"id": lookup.opaque_id(f"Tag:{name}"), "name": name}


def _tags(collection: Node, info: Info) -> Node:
    return {"edges": [{"node": tag_node(name)} for name in collection["tags"] or ()]}


def _update(input: Node, info: Info, storage_id: str) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        changed = collections.update(cur, storage_id, input, now=service.clock())
    return {"artifactCollection": collection_node(changed)}


def _update_sequence(_: object, info: Info, input: Node) -> Node:
    return _update(input, info, input["artifactSequenceID"])


def _update_portfolio(_: object, info: Info, input: Node) -> Node:
    return _update(input, info, input["artifactPortfolioID"])


def _move_sequence(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        moved = collections.move(
            cur,
            input["artifactSequenceID"],
            input["destinationArtifactTypeName"],
            now=service.clock(),
        )
    return {"artifactCollection": collection_node(moved)}


def _delete(info: Info, storage_id: str, kind: str) -> Node:
    with info.context.service.writing(soon=True) as cur:
        gone = collections.delete(cur, storage_id, kind)
    return {"artifactCollection": collection_node(gone) | {"state": "DELETED"}}


def _delete_sequence(_: object, info: Info, input: Node) -> Node:
    return _delete(info, input["artifactSequenceID"], "SEQUENCE")


def _delete_portfolio(_: object, info: Info, input: Node) -> Node:
    return _delete(info, input["artifactPortfolioID"], "PORTFOLIO")


def _add_tags(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        tags = collections.change_tags(cur, input, add=True, now=service.clock())
    return {"tags": [tag_node(name) for name in tags]}


def _delete_tags(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing() as cur:
        collections.change_tags(cur, input, add=False, now=service.clock())
    return {"success": True}


_COLLECTION: dict[str, Any] = {
    "id": lambda collection, info: collection["storage_id"],
    "state": lambda collection, info: collection.get("state", "READY"),
    "createdAt": lambda collection, info: wire_time(collection["created_at"]),
    "updatedAt": lambda collection, info: wire_time(collection["updated_at"]),
    "defaultArtifactType": lambda collection, info: type_node(
        collection["project"]["project_no"], collection["type"]
    ),
    "tags": _tags,
    "aliases": _aliases,
    "artifacts": _versions,
    "artifactMembership": _membership,
}

RESOLVERS: dict[str, dict[str, Any]] = {
    "Query": {"artifactCollection": _collection_by_id},
    "Mutation": {
        "updateArtifactSequence": _update_sequence,
        "updateArtifactPortfolio": _update_portfolio,
        "moveArtifactSequence": _move_sequence,
        "deleteArtifactSequence": _delete_sequence,
        "deleteArtifactPortfolio": _delete_portfolio,
        "createArtifactCollectionTagAssignments": _add_tags,
        "deleteArtifactCollectionTagAssignments": _delete_tags,
    },
    "Project": {
        "artifactTypes": _types,
        "artifactType": _type,
        "artifactCollections": _collections,
        "artifactCollection": _collection,
        "artifactCollectionMembership": _membership_by_name,
        "artifact": _version_by_name,
    },
    "ArtifactType": {
        "id": _of_type("storage_id"),
        "description": _of_type("description"),
        "createdAt": lambda node, info: wire_time(_of_type("created_at")(node, info)),
        "artifactCollections": _collections_of_type,
        "artifactCollection": _collection_of_type,
    },
    "ArtifactSequence": _COLLECTION
    | {"latestArtifact": _latest, "digestAlgorithm": _digest_algorithm},
    "ArtifactPortfolio": _COLLECTION,
    "ArtifactCollectionMembership": {
        "id": lambda member, info: member["storage_id"],
        "versionIndex": lambda member, info: member["version_index"],
        "createdAt": lambda member, info: wire_time(member["created_at"]),
        "aliases": _member_aliases,
        "artifactCollection": lambda member, info: collection_node(member["collection"]),
        "files": lambda member, info, **page: files_of(member["artifact"], info, **page),
    },
}
