"""Changes what the store says of artifact collections, as clients ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wbexport.errors import ConflictError, InputError
from wbexport.server import artifact_lookup, lookup
from wbexport.server.artifact_lookup import collection_path
from wbexport.store import artifact_listing
from wbexport.store import artifacts as stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "change_tags",
    "check_name",
    "delete",
    "ensure_collection",
    "ensure_type",
    "move",
    "tag_names",
    "update",
]

_MAX_NAME = 128
_TAG = re.compile(r"[-\w]+(?: +[-\w]+)*")


def ensure_collection(
    cur: Cursor, project_no: int, kind: str, type_name: str, name: str, *, now: datetime
) -> Node:
    """Return a collection, which is made if it is not there.

    Raises:
        InputError: The name or the type is malformed.
        ConflictError: There is another kind of collection of that name, or one of another type.
    """
    collection = artifact_lookup.find_collection(cur, project_no, name)
    if collection is None:
        check_name(name, "collection")
        ensure_type(cur, project_no, type_name, now=now)
        row = {
            "storage_id": lookup.unique_id("ArtifactCollection"),
            "kind": kind,
            "type": type_name,
            "name": name,
            "tags": [],
            "created_at": now,
            "updated_at": now,
        }
        stored.write_collections(cur, project_no, [row])
        return artifact_lookup.get_collection_by_id(cur, str(row["storage_id"]))
    path = collection_path(collection)
    if collection["type"] != type_name:
        raise ConflictError(
            f"{path} holds artifacts of type {collection['type']!r}, not {type_name!r}"
        )
    if collection["kind"] != kind:
        raise ConflictError(f"{path} is a {collection['kind'].lower()}; choose another name")
    return collection


def ensure_type(cur: Cursor, project_no: int, name: str, *, now: datetime) -> None:
    """Make an artifact type of a project, if it is not there."""
    check_name(name, "type")
    storage_id = lookup.unique_id("ArtifactType")
    stored.write_type(cur, project_no, name, storage_id=storage_id, created_at=now)


def update(cur: Cursor, storage_id: str, given: Node, *, now: datetime) -> Node:
    """Change the name or the description of a collection.

    Raises:
        NotFoundError: There is no such collection.
        InputError: The name is malformed.
        ConflictError: Another collection of the project has the name.
    """
    collection = artifact_lookup.get_collection_by_id(cur, storage_id)
    changes: Node = {}
    name = given.get("name")
    if name is not None and name != collection["name"]:
        check_name(name, "collection")
        other = artifact_lookup.find_collection(cur, collection["project_no"], name)
        if other is not None:
            raise ConflictError(f"there is a collection {collection_path(other)} already")
        changes["name"] = name
    if "description" in given:
        changes["description"] = given["description"]
    return _change(cur, collection, changes, now=now)


def move(cur: Cursor, storage_id: str, type_name: str, *, now: datetime) -> Node:
    """Give a sequence, with all its versions, another type.

    Raises:
        NotFoundError: There is no such collection.
        InputError: It is a portfolio, or the type is malformed.
        ConflictError: Versions of it are linked to portfolios of the old type.
    """
    collection = artifact_lookup.get_collection_by_id(cur, storage_id)
    _require_kind(collection, "SEQUENCE")
    links: Node = {
        "artifact.collection_no": collection["collection_no"],
        "collection.kind": "PORTFOLIO",
    }
    linked = artifact_listing.read_members(cur, **links, limit=1).to_pylist()
    target = linked[0]["collection"] if linked else None
    if target is not None and target["type"] != type_name:
        raise ConflictError(
            f"{collection_path(collection)} is linked to {collection_path(target)}, which holds "
            f"artifacts of type {target['type']!r}; unlink it first"
        )
    ensure_type(cur, collection["project_no"], type_name, now=now)
    return _change(cur, collection, {"type": type_name}, now=now)


def delete(cur: Cursor, storage_id: str, kind: str) -> Node:
    """Delete a collection, with the versions that were logged to it.

    Raises:
        NotFoundError: There is no such collection.
        InputError: It is of another kind.
    """
    collection = artifact_lookup.get_collection_by_id(cur, storage_id)
    _require_kind(collection, kind)
    stored.delete_collections(cur, [collection["collection_no"]])
    return collection


def change_tags(cur: Cursor, given: Node, *, add: bool, now: datetime) -> list[str]:
    """Add tags to a collection, or take them away.

    Returns:
        The tags of the input.

    Raises:
        NotFoundError: There is no such collection.
        InputError: A tag is malformed.
    """
    path = (given["entityName"], given["projectName"], given["artifactCollectionName"])
    collection = artifact_lookup.get_collection(cur, *path)
    names = tag_names(given["tags"])
    known = collection["tags"] or []
    tags = [*known, *names] if add else [name for name in known if name not in names]
    _change(cur, collection, {"tags": list(dict.fromkeys(tags))}, now=now)
    return names


def check_name(name: str, what: str) -> str:
    """Refuse the name of a collection or type that no path could spell.

    Raises:
        InputError: It is empty, too long, or holds a slash or colon.
    """
    if not name.strip() or len(name) > _MAX_NAME or set("/:\0") & set(name):
        raise InputError(
            f"{name[:_MAX_NAME]!r} is no name for an artifact {what}: it takes 1 to {_MAX_NAME} "
            "characters without '/' and ':'"
        )
    return name


def tag_names(tags: Sequence[Node] | None) -> list[str]:
    """Return the names of tags of an input.

    Raises:
        InputError: One is malformed.
    """
    names = [tag["tagName"] for tag in tags or ()]
    for name in names:
        if not _TAG.fullmatch(name):
            raise InputError(
                f"{name[:_MAX_NAME]!r} is no tag: it takes letters, digits, '-', '_' and blanks"
            )
    return names


def _require_kind(collection: Node, kind: str) -> None:
    if collection["kind"] != kind:
        raise InputError(
            f"{collection_path(collection)} is a {collection['kind'].lower()}, not a {kind.lower()}"
        )


def _change(cur: Cursor, collection: Node, changes: Node, *, now: datetime) -> Node:
    row = {"storage_id": collection["storage_id"], "updated_at": now} | changes
    stored.write_collections(cur, collection["project_no"], [row])
    return artifact_lookup.get_collection_by_id(cur, collection["storage_id"])
