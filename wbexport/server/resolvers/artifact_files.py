"""Files of artifact versions: listing, links to their bytes."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from wbexport.arrow.manifests import MD5
from wbexport.server import lookup
from wbexport.server.artifact_contents import algorithm_of
from wbexport.server.resolvers.connections import page_of, position_of
from wbexport.store import artifact_listing

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS", "file_node", "files_of", "manifest_node"]


def file_node(file: Node, artifact: Node) -> Node:
    """Return a file of a version.

    Args:
        file: A row of `artifact_listing.read_files`.
        artifact: The version.
    """
    name = file["path"]
    return {
        "storage_id": lookup.opaque_id(f"ArtifactFile:{artifact['storage_id']}:{name}"),
        "name": name,
        "storagePath": name,
        "artifact": artifact,
        "size": file["size"],
        "digest": file["digest"],
        "md5": file["digest"] if file["ref"] is None and algorithm_of(file) == MD5 else None,
        "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "updated_at": artifact["created_at"],
        "blob": file["blob"],
    }


def files_of(
    artifact: Node,
    info: Info,
    *,
    names: list[str] | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    """Return a page of the files of a version."""
    start, size = position_of(after), info.context.page(first)
    found = artifact_listing.read_files(
        info.context.cursor,
        artifact["artifact_no"],
        names=names or (),
        limit=size + 1,
        offset=start,
    ).to_pylist()
    nodes = [file_node(row, artifact) for row in found[:size]]
    return page_of(nodes, start, more=len(found) > size) | {
        "totalCount": lambda _: artifact_listing.count_files(
            info.context.cursor, artifact["artifact_no"], names=names or ()
        )
    }


def _by_entries(
    artifact: Node,
    info: Info,
    *,
    storageLayout: str,
    manifestVersion: str,
    entries: list[Node] | None = None,
    storageRegion: str | None = None,
) -> Node:
    names = [entry["name"] for entry in entries or ()]
    found = artifact_listing.read_files(
        info.context.cursor, artifact["artifact_no"], names=names
    ).to_pylist()
    files = {row["path"]: row for row in found} if names else {}
    nodes = [file_node(files[name], artifact) for name in names if name in files]
    return page_of(nodes, 0, more=False) | {"totalCount": len(nodes)}


def _manifest(artifact: Node, info: Info) -> Node | None:
    if artifact["manifest"] is None:
        return None
    return manifest_node(artifact["storage_id"], artifact["manifest"])


def manifest_node(storage_id: str, blob: str | None, upload_url: str | None = None) -> Node:
    """Return a manifest with its file."""
    return {
        "id": storage_id,
        "file": {
            "storage_id": storage_id,
            "name": "wandb_manifest.json",
            "size": None,
            "mimetype": "application/json",
            "updated_at": None,
            "blob": blob,
            "upload_url": upload_url,
        },
    }


RESOLVERS = {
    "Artifact": {
        "files": files_of,
        "filesByManifestEntries": _by_entries,
        "currentManifest": _manifest,
    },
}
