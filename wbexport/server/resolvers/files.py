"""Run files: listing, links to their bytes, places to upload to, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.paths import safe_relative_path
from wbexport.server import blobs, lookup
from wbexport.server.resolvers.connections import page_of, position_of
from wbexport.server.service import wire_time
from wbexport.store import attachments

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node


__all__ = ["RESOLVERS"]


def _files(
    run: Node,
    info: Info,
    *,
    names: list[str | None] | None = None,
    pattern: str | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Node:
    start = position_of(after)
    size = info.context.page(first)
    wanted = [name for name in names or () if name is not None]
    found = attachments.read_files(
        info.context.cursor, run["run_no"], names=wanted, pattern=pattern
    ).to_pylist()
    nodes = [file | {"run": run} for file in found[start : start + size]]
    return page_of(nodes, start, more=start + size < len(found)) | {"totalCount": len(found)}


def _file_count(run: Node, info: Info) -> int:
    return len(attachments.read_files(info.context.cursor, run["run_no"]))


def _file_id(file: Node, info: Info) -> str:
    return file["storage_id"] or lookup.file_id(file["run"], file["name"])


def _url(file: Node, info: Info, upload: bool | None = None) -> str | None:
    if upload:
        return _upload_url(file, info)
    # A file whose bytes were never brought over has a link that says so. So has a reference: where
    # it leads is in the manifest, and nobody shall send a key there by following a link of ours.
    return blobs.download_url(info.context, file["blob"] or "0" * 64)


def _upload_url(file: Node, info: Info) -> str | None:
    """Where to send the bytes of a run's file; an artifact's file says itself where."""
    if "run" not in file:
        return file.get("upload_url")
    return blobs.upload_url(info.context, file["run"]["storage_id"], file["name"])


def _run_of(info: Info, input: Node) -> Node:
    path = (input["entityName"], input["projectName"], input["runName"])
    return lookup.get_run(info.context.cursor, *path, columns=lookup.ALWAYS)


def _create_run_files(_: object, info: Info, input: Node) -> Node:
    run = _run_of(info, input)
    names = [str(safe_relative_path(name)) for name in input["files"]]
    urls = [blobs.upload_url(info.context, run["storage_id"], name) for name in names]
    return {
        "runID": run["storage_id"],
        "uploadHeaders": [],
        "files": [{"name": name, "uploadUrl": url} for name, url in zip(names, urls, strict=True)],
    }


def _mark_uploaded(_: object, info: Info, input: Node) -> Node:
    run = _run_of(info, input)
    stored = attachments.read_files(info.context.cursor, run["run_no"])["name"].to_pylist()
    return {"success": set(stored).issuperset(input["files"])}


def _delete_files(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        attachments.delete_files(cur, input["files"], project_no=input.get("projectId"))
    return {"success": True}


_MUTATION = {
    "createRunFiles": _create_run_files,
    "markRunFilesUploaded": _mark_uploaded,
    "deleteFiles": _delete_files,
}

RESOLVERS = {
    "Mutation": _MUTATION,
    "Run": {"files": _files, "fileCount": _file_count},
    "File": {
        "id": _file_id,
        "displayName": lambda file, info: file["name"],
        "url": _url,
        "directUrl": _url,
        "uploadUrl": _upload_url,
        "uploadHeaders": lambda file, info: [],
        "sizeBytes": lambda file, info: file["size"] or 0,
        "updatedAt": lambda file, info: wire_time(file["updated_at"]),
    },
}
