"""The contents of artifact versions: manifests, places to upload to, and the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.server import artifact_blobs, artifact_contents, people
from wbexport.server.resolvers.artifact_files import file_node, manifest_node
from wbexport.server.resolvers.connections import page_of

if TYPE_CHECKING:
    from wbexport.server.service import Info, Node

__all__ = ["RESOLVERS"]


def _manifest(manifest: Node, info: Info) -> Node:
    url = artifact_blobs.manifest_url(info.context, manifest)
    return {"artifactManifest": manifest_node(manifest["storage_id"], manifest["blob"], url)}


def _create_manifest(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        return _manifest(artifact_contents.announce_manifest(cur, input), info)


def _update_manifest(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        return _manifest(artifact_contents.change_manifest(cur, input), info)


def _create_files(_: object, info: Info, input: Node) -> Node:
    with info.context.service.writing() as cur:
        visible = people.visible_entities(cur, info.context.caller)
        files = artifact_contents.declare_files(cur, input, entities=visible)
    specs = zip(files, input["artifactFiles"], strict=True)
    nodes = [_upload(file, spec, info) for file, spec in specs]
    return {"files": page_of(nodes, 0, more=False) | {"totalCount": len(nodes)}}


def _upload(file: Node, spec: Node, info: Info) -> Node:
    """Say where to send a file's bytes: nowhere when they are here already."""
    node = file_node(file, file["artifact"])
    if file["blob"] is not None:
        return node
    node["upload_url"] = artifact_blobs.file_url(info.context, spec["artifactID"], file)
    if spec.get("uploadPartsInput"):
        upload = artifact_contents.upload_id(spec["artifactID"], spec["name"], file["digest"])
        parts = [(part["partNumber"], part["hexMD5"]) for part in spec["uploadPartsInput"]]
        node["uploadMultipartUrls"] = {
            "uploadID": upload,
            "uploadUrlParts": [
                {
                    "partNumber": number,
                    "uploadUrl": artifact_blobs.part_url(info.context, upload, number, md5),
                }
                for number, md5 in parts
            ],
        }
    return node


def _complete_parts(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    service.require_writable()
    digest = artifact_contents.complete_parts(service, input)
    return {"digest": digest}


def _commit(_: object, info: Info, input: Node) -> Node:
    service = info.context.service
    with service.writing(soon=True) as cur:
        version = artifact_contents.commit(
            cur,
            service.store.blobs,
            input["artifactID"],
            entities=people.visible_entities(cur, info.context.caller),
            now=service.clock(),
        )
    return {"artifact": version}


RESOLVERS = {
    "Mutation": {
        "createArtifactManifest": _create_manifest,
        "updateArtifactManifest": _update_manifest,
        "createArtifactFiles": _create_files,
        "completeMultipartUploadArtifact": _complete_parts,
        "commitArtifact": _commit,
    },
}
