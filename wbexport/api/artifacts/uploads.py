"""Logs a new version: tells the server of it, uploads what it does not have, and commits."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

import orjson

from wbexport.api.concurrent import map_in_order
from wbexport.api.uploads import parse_upload_headers
from wbexport.errors import ConflictError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wbexport.api.artifacts.manifest import ArtifactManifest, ArtifactManifestEntry
    from wbexport.api.service import Service
    from wbexport.paths import RunPath

__all__ = ["NewVersion", "create_version", "upload_version"]

_MANIFEST = "wandb_manifest.json"
_DIGEST_ALGORITHM = "ARTIFACT_DIGEST_ALGORITHM"
_FILES_PER_REQUEST = 1000
_JOBS = 16
_MULTIPART_BYTES = 2 << 30
_PART_BYTES = 100 << 20
_MOST_PARTS = 10_000
_PIECE = 1 << 20


@dataclass(frozen=True)
class NewVersion:
    """A version as the server is told of it.

    Args:
        collection: The sequence it goes to, made when it is not there.
        type: Its type.
        digest: The digest of its manifest.
        digest_algorithm: The hash of its digests.
        aliases: Its aliases.
        tags: Its tags.
        description: What it is.
        metadata: JSON text.
        ttl_seconds: How long it is kept; None to leave that to the team.
        base_id: The version it was made from.
    """

    collection: str
    type: str
    digest: str
    digest_algorithm: str
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    description: str | None = None
    metadata: str | None = None
    ttl_seconds: int | None = None
    base_id: str | None = None


def create_version(client: Service, run: RunPath, version: NewVersion) -> Mapping[str, Any]:
    """Tell the server that a run has a version.

    Args:
        client: Executes queries.
        run: The run.
        version: The version.

    Returns:
        Its node: when its state is `COMMITTED`, the server has this content already.

    Raises:
        ConflictError: The collection is of another type.
        GraphQLError: The server refuses.
    """
    _check_type(client, run, version)
    fields = {
        "entityName": run.entity,
        "projectName": run.project,
        "runName": run.run_id,
        "artifactTypeName": version.type,
        "artifactCollectionName": version.collection,
        "digest": version.digest,
        "description": version.description,
        "metadata": version.metadata,
        "aliases": [
            {"artifactCollectionName": version.collection, "alias": alias}
            for alias in version.aliases
        ],
        "tags": [{"tagName": tag} for tag in version.tags],
        "ttlDurationSeconds": version.ttl_seconds,
        "enableDigestDeduplication": True,
    }
    if _DIGEST_ALGORITHM in client.features:
        fields["digestAlgorithm"] = version.digest_algorithm
    answer = client.execute("CreateArtifact", {"input": fields}).get("createArtifact") or {}
    if not answer.get("artifact"):
        raise ResponseError(f"The server did not create a version of {version.collection!r}.")
    node: Mapping[str, Any] = answer["artifact"]
    return node


def _check_type(client: Service, run: RunPath, version: NewVersion) -> None:
    place = {"entity": run.entity, "project": run.project, "name": version.collection}
    project = client.execute("ArtifactCollectionKind", place).get("project") or {}
    known = (project.get("artifactCollection") or {}).get("defaultArtifactType") or {}
    if known.get("name") not in (None, version.type):
        raise ConflictError(
            f"Artifact collection {version.collection!r} of {run.parent} is of type "
            f"{known['name']!r}, not {version.type!r}; take another name or that type."
        )


def upload_version(
    client: Service,
    run: RunPath,
    artifact_id: str,
    manifest: ArtifactManifest,
    base_id: str | None,
) -> None:
    """Upload the files of a new version that the server does not have, and commit it.

    Args:
        client: Executes queries and uploads.
        run: The run that logs it.
        artifact_id: The version, as the server knows it.
        manifest: What it contains. Entries learn which version brought their bytes.
        base_id: The version it was made from, or the latest one before it.

    Raises:
        ConflictError: A file has changed since it was added.
        RequestError: The server did not take a file, or the manifest.
    """
    upload = _Upload(client, run, artifact_id, base_id)
    manifest_id = upload.declare_manifest()["id"]
    waiting = (entry for entry in manifest if entry.local_path is not None)
    while entries := list(islice(waiting, _FILES_PER_REQUEST)):
        upload.send_files(entries, manifest_id)
    upload.send_manifest(orjson.dumps(manifest.to_json(), option=orjson.OPT_SORT_KEYS))
    client.execute("CommitArtifact", {"input": {"artifactID": artifact_id}})


class _Upload:
    """The requests of one new version."""

    def __init__(
        self, client: Service, run: RunPath, artifact_id: str, base_id: str | None
    ) -> None:
        self._client = client
        self._run = run
        self._id = artifact_id
        self._base_id = base_id

    def declare_manifest(self, digest: str = "", *, upload: bool = False) -> Mapping[str, Any]:
        """Tell the server of the manifest, at first without its content."""
        fields = {
            "artifactID": self._id,
            "baseArtifactID": self._base_id,
            "name": _MANIFEST,
            "digest": digest,
            "type": "FULL",
            "entityName": self._run.entity,
            "projectName": self._run.project,
            "runName": self._run.run_id,
        }
        answer = self._client.execute(
            "CreateArtifactManifest", {"input": fields, "upload": upload}
        ).get("createArtifactManifest")
        declared: Mapping[str, Any] | None = (answer or {}).get("artifactManifest")
        if declared is None:
            raise ResponseError("The server did not take the manifest of the artifact.")
        return declared

    def send_manifest(self, content: bytes) -> None:
        """Upload the manifest."""
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        declared = self.declare_manifest(base64.b64encode(digest).decode(), upload=True)
        self._put(declared["file"], BytesIO(content), len(content))

    def send_files(self, entries: Sequence[ArtifactManifestEntry], manifest_id: str) -> None:
        """Upload files that the server does not have."""
        fields = {
            "artifactFiles": [self._file(entry, manifest_id) for entry in entries],
            "storageLayout": "V2",
        }
        answer = self._client.execute("CreateArtifactFiles", {"input": fields})
        files = (answer.get("createArtifactFiles") or {}).get("files") or {}
        nodes = [edge["node"] for edge in files.get("edges") or () if edge and edge.get("node")]
        if len(nodes) != len(entries):
            raise ResponseError("The server did not take all files of the artifact.")
        pairs = list(zip(entries, nodes, strict=True))
        map_in_order(lambda pair: self._send_file(*pair), pairs, _JOBS)

    def _file(self, entry: ArtifactManifestEntry, manifest_id: str) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "artifactID": self._id,
            "artifactManifestID": manifest_id,
            "name": entry.path,
            "md5": entry.digest,
        }
        if (entry.size or 0) >= _MULTIPART_BYTES:
            with Path(str(entry.local_path)).open("rb") as source:
                fields["uploadPartsInput"] = [
                    {"partNumber": number, "hexMD5": _md5_of(source, start, size).hex()}
                    for number, start, size in _parts(entry.size or 0)
                ]
        return fields

    def _send_file(self, entry: ArtifactManifestEntry, node: Mapping[str, Any]) -> None:
        path = Path(str(entry.local_path))
        entry.birth_artifact_id = (node.get("artifact") or {}).get("id") or self._id
        parts = node.get("uploadMultipartUrls")
        if not (node.get("uploadUrl") or parts):
            return
        if not entry.matches(path):
            raise ConflictError(f"{path} has changed since it was added to the artifact.")
        with path.open("rb") as source:
            if parts:
                self._put_parts(node, parts, source, entry.size or 0)
            else:
                self._put(node, source, entry.size or 0)

    def _put(self, node: Mapping[str, Any], source: BinaryIO, size: int) -> None:
        headers = parse_upload_headers(node.get("uploadHeaders") or ())
        self._client.session.upload(
            self._absolute(node["uploadUrl"]), source, size=size, headers=headers
        )

    def _put_parts(
        self, node: Mapping[str, Any], parts: Mapping[str, Any], source: BinaryIO, size: int
    ) -> None:
        urls = {int(part["partNumber"]): part["uploadUrl"] for part in parts["uploadUrlParts"]}
        done = []
        for number, start, length in _parts(size):
            md5 = base64.b64encode(_md5_of(source, start, length)).decode()
            source.seek(start)
            etag = self._client.session.upload(
                self._absolute(urls[number]),
                source,
                size=length,
                headers={"Content-Md5": md5},
            )
            if not etag:
                raise ResponseError("The storage did not confirm a part of a file by its ETag.")
            done.append({"partNumber": number, "hexMD5": etag})
        fields = {
            "completeMultipartAction": "Complete",
            "completedParts": done,
            "artifactID": self._id,
            "storagePath": node["storagePath"],
            "uploadID": parts["uploadID"],
        }
        self._client.execute("CompleteArtifactUpload", {"input": fields})

    def _absolute(self, url: str) -> str:
        return urljoin(self._client.session.settings.base_url, url)


def _parts(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and size of the parts of a large file."""
    step = max(_PART_BYTES, -(-size // _MOST_PARTS))
    for number, start in enumerate(range(0, size, step), start=1):
        yield number, start, min(step, size - start)


def _md5_of(source: BinaryIO, start: int, size: int) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    source.seek(start)
    while size > 0 and (piece := source.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest.digest()
