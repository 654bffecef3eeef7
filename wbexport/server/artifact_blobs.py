"""Bytes of artifacts, in and out: files whole or in parts, manifests, and files by their digest."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, cast

from werkzeug.wrappers import Response

from wbexport.arrow.manifests import MD5
from wbexport.errors import NotFoundError
from wbexport.server import artifact_contents, blobs
from wbexport.store import artifact_listing

if TYPE_CHECKING:
    from typing import BinaryIO

    from werkzeug.wrappers import Request

    from wbexport.server.service import Context, Node, Service

__all__ = [
    "download",
    "file_url",
    "manifest_url",
    "part_url",
    "upload_file",
    "upload_manifest",
    "upload_part",
]


def file_url(context: Context, artifact_id: str, file: Node) -> str:
    """Return a signed URL to which the bytes of a declared file may be sent."""
    made = {"digest": file["digest"], "algorithm": artifact_contents.algorithm_of(file)}
    return context.signed("PUT", "/uploads/artifact", artifact=artifact_id, **made)


def part_url(context: Context, upload: str, number: int, md5: str) -> str:
    """Return a signed URL to which one part of a file may be sent."""
    return context.signed("PUT", f"/uploads/parts/{upload}/{number}", md5=md5)


def manifest_url(context: Context, manifest: Node) -> str:
    """Return a signed URL to which an announced manifest may be sent."""
    return context.signed("PUT", "/uploads/manifest", manifest=manifest["storage_id"])


def upload_file(service: Service, request: Request) -> Response:
    """Store the bytes of a file of a version."""
    digest, algorithm = request.args["digest"], request.args["algorithm"]
    blob = blobs.receive(service, request, **artifact_contents.expected(digest, algorithm))
    with service.writing() as cur:
        artifact_contents.record_bytes(cur, request.args["artifact"], digest, algorithm, blob)
    return Response()


def upload_part(service: Service, request: Request, *, upload: str, number: int) -> Response:
    """Store one part of a file."""
    length, md5 = blobs.body_length(service, request), request.args["md5"]
    stream = cast("BinaryIO", request.stream)
    service.store.blobs.add_part(upload, number, stream, size=length, md5=md5)
    return Response(headers={"ETag": f'"{md5}"'})


def upload_manifest(service: Service, request: Request) -> Response:
    """Store the bytes of a manifest."""
    blobs.body_length(service, request, service.limits.manifest_body)
    storage_id = request.args["manifest"]
    announced = artifact_contents.get_manifest(service.store.cursor(), storage_id)["digest"]
    digest = {} if announced is None else artifact_contents.expected(announced, MD5)
    blob = blobs.receive(service, request, **digest)
    with service.writing() as cur:
        manifest = artifact_contents.get_manifest(cur, storage_id)
        artifact_contents.record_manifest(cur, manifest, blob)
    return Response()


def download(
    service: Service,
    request: Request,
    *,
    entity: str,
    hex_digest: str,
    project: str | None = None,
    **_: str,
) -> Response:
    """Answer a file by the digest in a manifest, or a range of it."""
    try:
        digest = base64.b64encode(bytes.fromhex(hex_digest)).decode()
    except ValueError:
        raise NotFoundError(f"{hex_digest[:80]!r} is no digest") from None
    cursor = service.store.cursor()
    sha256 = artifact_listing.find_blob(cursor, digest, entity=entity, project=project)
    if sha256 is None:
        raise NotFoundError(f"no artifact of {entity} has a file with digest {hex_digest} here")
    return blobs.download(service, request, sha256=sha256)
