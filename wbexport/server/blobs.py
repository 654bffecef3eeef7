"""Bytes in and out: run files by their hash, uploads, and parquet exports."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from wbexport.errors import NotFoundError
from wbexport.server import lookup, recorder
from wbexport.server.limits import TooLargeError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from werkzeug.wrappers import Request

    from wbexport.server.service import Context, Service
    from wbexport.store.blobs import Blob

__all__ = [
    "body_length",
    "download",
    "download_export",
    "download_url",
    "export_url",
    "receive",
    "upload",
    "upload_url",
]


def download_url(context: Context, sha256: str) -> str:
    """Return a signed URL for the bytes with this hash."""
    return context.signed("GET", f"/storage/{sha256}")


def export_url(context: Context, storage_id: str, version: str, number: int) -> str:
    """Return a signed URL for one parquet file of a run."""
    return context.signed("GET", f"/exports/{version}/{number}.parquet", run=storage_id)


def upload_url(context: Context, storage_id: str, name: str) -> str:
    """Return a signed URL to which one file of a run may be sent."""
    return context.signed("PUT", "/uploads", run=storage_id, name=name)


def download(service: Service, request: Request, *, sha256: str) -> Response:
    """Answer stored bytes, or a range of them."""
    return _send(service.store.blobs.path(sha256), request, etag=sha256)


def download_export(service: Service, request: Request, *, version: str, number: int) -> Response:
    """Answer one parquet file of a run, or a range of it."""
    cur = service.store.cursor()
    run = lookup.get_run_by_storage_id(cur, request.args["run"], lookup.ALWAYS)
    export = service.exports.of(cur, run)
    if export is None or export.version != version or number >= len(export.files):
        raise NotFoundError("the run has changed since this link was made; ask for it again")
    return _send(io.BytesIO(export.files[number]), request, etag=f"{version}-{number}")


def upload(service: Service, request: Request) -> Response:
    """Store the bytes of one run file."""
    blob = receive(service, request)
    with service.writing() as cur:
        run = lookup.get_run_by_storage_id(cur, request.args["run"])
        recorder.record_file(cur, run, request.args["name"], blob, now=service.clock())
    return Response()


def receive(service: Service, request: Request, **digest: str) -> Blob:
    """Store the body of a request, which must have this `md5` or `xxh128` if one is given."""
    length = body_length(service, request)
    return service.store.blobs.add(cast("BinaryIO", request.stream), size=length, **digest)


def body_length(service: Service, request: Request, limit: int | None = None) -> int:
    """Return how many bytes a client uploads, if it may.

    Raises:
        ReadOnlyError: The server only reads.
        TooLargeError: It says no number, or one beyond the limit.
    """
    service.require_writable()
    length, limit = request.content_length, limit or service.limits.upload_body
    if length is None or length > limit:
        raise TooLargeError(f"send at most {limit} bytes")
    return length


def _send(content: Path | io.BytesIO, request: Request, *, etag: str) -> Response:
    response = send_file(
        content,
        request.environ,
        mimetype="application/octet-stream",
        etag=etag,
        conditional=True,
        max_age=0,
    )
    response.headers["Content-Disposition"] = "attachment"
    return response
