"""Looks up artifact collections and versions by the names and ids that clients use.

What is not there is None to `find_` and an error to `get_`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wbexport.errors import NotFoundError
from wbexport.server import lookup
from wbexport.store import artifact_listing

if TYPE_CHECKING:
    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "LATEST",
    "VERSION_ALIAS",
    "collection_path",
    "find_by_client_id",
    "find_collection",
    "find_member",
    "find_member_by_name",
    "find_version",
    "get_collection",
    "get_collection_by_id",
    "get_member",
    "get_version",
    "version_path",
]

#: The alias that a name without one means.
LATEST = "latest"

#: What every version is called whatever its aliases are.
VERSION_ALIAS = re.compile(r"v(\d{1,9})")


def collection_path(collection: Node) -> str:
    """Spell a collection for a message."""
    project = collection["project"]
    return f"{project['entity']}/{project['project']}/{collection['name']}"


def version_path(version: Node) -> str:
    """Spell a version for a message."""
    index = version["version_index"]
    alias = version["state"].lower() if index is None else f"v{index}"
    return f"{collection_path(version['collection'])}:{alias}"


def find_collection(
    cur: Cursor, project_no: int, name: str, type_name: str | None = None
) -> Node | None:
    """Return a collection of a project; with a type, only if it is of that type.

    Where a sync brought several of one name, because one was deleted and made anew, it is the last.
    """
    equal: Node = {"project_no": project_no, "name": name}
    if type_name is not None:
        equal["type"] = type_name
    found = artifact_listing.read_collections(cur, **equal).to_pylist()
    return found[-1] if found else None


def get_collection(cur: Cursor, entity: str, project: str, name: str) -> Node:
    """Return a collection by its path."""
    owner = lookup.find_project(cur, entity, project)
    found = owner and find_collection(cur, owner["project_no"], name)
    if not found:
        raise NotFoundError(f"there is no artifact collection {entity}/{project}/{name} here")
    return found


def get_collection_by_id(cur: Cursor, storage_id: str) -> Node:
    """Return a collection by what GraphQL calls its id."""
    found = artifact_listing.read_collections(cur, storage_id=storage_id, limit=1).to_pylist()
    if not found:
        raise NotFoundError(f"there is no artifact collection with id {storage_id} here")
    collection: Node = found[0]
    return collection


def find_member(cur: Cursor, collection_no: int, alias: str) -> Node | None:
    """Return the committed version of a collection that has an alias, or an index as `v3`."""
    index = VERSION_ALIAS.fullmatch(alias)
    if index:
        found = artifact_listing.read_members(
            cur, collection_no=collection_no, version_index=int(index[1])
        )
    else:
        found = artifact_listing.read_members(cur, collection_no=collection_no, alias=alias)
    members = found.to_pylist()
    return next((row for row in members if row["artifact"]["state"] == "COMMITTED"), None)


def find_member_by_name(cur: Cursor, project_no: int, name: str) -> Node | None:
    """Return the version that a project knows by `collection:alias`."""
    collection_name, _, alias = name.partition(":")
    collection = find_collection(cur, project_no, collection_name)
    return collection and find_member(cur, collection["collection_no"], alias or LATEST)


def get_member(cur: Cursor, collection: Node, version: Node) -> Node:
    """Return what a collection says of a version that is in it."""
    found = artifact_listing.read_members(
        cur, collection_no=collection["collection_no"], artifact_no=version["artifact_no"]
    ).to_pylist()
    if not found:
        raise NotFoundError(f"{version_path(version)} is not in {collection_path(collection)}")
    member: Node = found[0]
    return member


def find_version(cur: Cursor, storage_id: str) -> Node | None:
    """Return a version by what GraphQL calls its id, unless it was deleted."""
    found = artifact_listing.read_versions(cur, storage_id=storage_id).to_pylist()
    return next((row for row in found if row["state"] != "DELETED"), None)


def get_version(cur: Cursor, storage_id: str) -> Node:
    """Return a version by what GraphQL calls its id."""
    found = artifact_listing.read_versions(cur, storage_id=storage_id, limit=1).to_pylist()
    if not found:
        raise NotFoundError(f"there is no artifact with id {storage_id} here")
    version: Node = found[0]
    if version["state"] == "DELETED":
        raise NotFoundError(f"the artifact {version_path(version)} has been deleted")
    return version


def find_by_client_id(cur: Cursor, client_id: str) -> Node | None:
    """Return the version that a client spoke of by this name before it was there."""
    found = artifact_listing.read_versions(cur, client_id=client_id, limit=1).to_pylist()
    return next(iter(found), None)
