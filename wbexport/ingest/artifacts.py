"""Reads artifacts that a run logged offline, and stores them as versions of their collections."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.arrow.literals import parse_json, write_json
from wbexport.arrow.manifests import MANIFEST, check_entry_name, manifest_digest, write_manifest
from wbexport.errors import IntegrityError
from wbexport.ingest.wire import Value, fields, read_signed, read_text
from wbexport.store import artifact_listing
from wbexport.store import artifacts as stored
from wbexport.store.logged import USER, unique_id

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from wbexport.store.blobs import BlobStore

__all__ = ["LoggedArtifact", "read_artifact", "store_bytes", "write_artifact"]

_TEXTS = {4: "type", 5: "name", 7: "description", 8: "metadata", 15: "client_id"}
_ALIASES, _MANIFEST, _SEQUENCE, _TTL, _TAGS = 11, 12, 16, 18, 19
_ENTRY_TEXTS = {1: "path", 2: "digest", 3: "ref", 6: "local", 7: "birth_artifact"}


@dataclass(slots=True)
class LoggedArtifact:
    """One version of an artifact, as its record describes it.

    Args:
        columns: Type, name, description, metadata and client id, where they are given.
        aliases: What it is to be called.
        tags: Its tags.
        sequence_client_id: What the SDK calls its collection.
        ttl_seconds: How long it is to be kept.
        entries: Its files: columns of `MANIFEST`, and `local`, where its bytes were.
        listed: Whether the record lists the files; those of a huge one are in a file elsewhere.
        blobs: Digest to the bytes that are stored.
    """

    columns: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    sequence_client_id: str | None = None
    ttl_seconds: int | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)
    listed: bool = True
    blobs: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its collection."""
        return self.columns.get("name", "")


def read_artifact(content: Value) -> LoggedArtifact:
    """Read an artifact record.

    Raises:
        IntegrityError: It cannot be read.
        UnsafeNameError: It names a file that would leave its folder.
    """
    found = LoggedArtifact()
    for number, value in fields(content):
        if number in _TEXTS:
            found.columns[_TEXTS[number]] = read_text(value)
        elif number == _ALIASES:
            found.aliases.append(read_text(value))
        elif number == _TAGS:
            found.tags.append(read_text(value))
        elif number == _SEQUENCE:
            found.sequence_client_id = read_text(value)
        elif number == _TTL:
            found.ttl_seconds = read_signed(value) or None
        elif number == _MANIFEST:
            parts = list(fields(value))
            found.entries = [_read_entry(part) for kind, part in parts if kind == 4]
            found.listed = all(kind != 5 for kind, _ in parts)
    return found


def _read_entry(content: Value) -> dict[str, Any]:
    entry: dict[str, Any] = dict.fromkeys((*MANIFEST.names, "local"))
    extra: dict[str, Any] = {}
    for number, value in fields(content):
        if number in _ENTRY_TEXTS:
            entry[_ENTRY_TEXTS[number]] = read_text(value) or None
        elif number == 4:
            entry["size"] = read_signed(value)
        elif number == 16:
            item = dict(fields(value))
            extra[read_text(item.get(1, b""))] = parse_json(read_text(item.get(2, b"null")))
    check_entry_name(entry["path"] or "")
    entry["digest"] = entry["digest"] or ""
    return entry | {"size": entry["size"] or 0, "extra": write_json(extra) if extra else None}


def store_bytes(artifact: LoggedArtifact, blobs: BlobStore) -> list[str]:
    """Keep the bytes of a version's files, which the SDK left in its staging folder.

    A record may name any file of this machine, so only bytes with the digest that the manifest
    holds are kept.

    Returns:
        Paths of the files whose bytes are no longer there.
    """
    missing = []
    for entry in artifact.entries:
        if entry["ref"] is not None or entry["digest"] in artifact.blobs:
            continue
        place = Path(entry["local"] or "")
        try:
            md5 = base64.b64decode(entry["digest"], validate=True).hex()
            if not place.is_file() or place.stat().st_size != entry["size"]:
                raise IntegrityError("other bytes than announced")
            with place.open("rb") as file:
                blob = blobs.add(file, size=entry["size"], md5=md5)
            artifact.blobs[entry["digest"]] = blob.sha256, blob.size
        except (OSError, ValueError, binascii.Error, IntegrityError):
            missing.append(entry["path"])
    return missing


def write_artifact(
    cursor: duckdb.DuckDBPyConnection,
    blobs: BlobStore,
    artifact: LoggedArtifact,
    *,
    project_no: int,
    run_no: int,
    run: dict[str, Any],
) -> None:
    """Write a version, unless its collection has it already, and that the run logged it.

    Args:
        cursor: The cursor of a transaction.
        blobs: Takes its manifest.
        artifact: The version; its bytes are stored.
        project_no: The run's project.
        run_no: The run.
        run: The run's columns.
    """
    now = run["heartbeat_at"]
    collection_no = _collection(cursor, artifact, project_no, now)
    if collection_no is None:
        return
    digest = manifest_digest((entry["path"], entry["digest"]) for entry in artifact.entries)
    client_id = artifact.columns.get("client_id")
    number = _known(cursor, collection_no, client_id, digest)
    if number is None:
        number = _write_version(
            cursor, blobs, artifact, collection_no=collection_no, digest=digest, run=run
        )
    stored.write_lineage(cursor, run_no, number, "output", created_at=now)


def _collection(
    cursor: duckdb.DuckDBPyConnection, artifact: LoggedArtifact, project_no: int, now: datetime
) -> int | None:
    """Return the number of a version's collection, made if need be; none if its type differs."""
    type_name = artifact.columns.get("type", "")
    found = artifact_listing.read_collections(
        cursor, project_no=project_no, name=artifact.name
    ).to_pylist()
    if found:
        # Of several, which a sync may bring, the last one bears the name now.
        same = (found[-1]["kind"], found[-1]["type"]) == ("SEQUENCE", type_name)
        return int(found[-1]["collection_no"]) if same else None
    stored.write_type(
        cursor,
        project_no,
        type_name,
        storage_id=unique_id("ArtifactType"),
        created_at=now,
    )
    row: dict[str, Any] = {
        "storage_id": unique_id("ArtifactCollection"),
        "kind": "SEQUENCE",
        "type": type_name,
        "name": artifact.name,
        "tags": [],
        "client_id": artifact.sequence_client_id,
        "created_at": now,
        "updated_at": now,
    }
    (number,) = stored.write_collections(cursor, project_no, [row]).values()
    return number


def _known(
    cursor: duckdb.DuckDBPyConnection, collection_no: int, client_id: str | None, digest: str
) -> int | None:
    """Return the version that was ingested before, or has the same content."""
    wanted: list[dict[str, Any]] = [{"digest": digest, "state": "COMMITTED"}]
    if client_id:
        wanted.insert(0, {"client_id": client_id})
    for each in wanted:
        found = artifact_listing.read_versions(
            cursor, collection_no=collection_no, limit=1, **each
        ).to_pylist()
        if found:
            return int(found[0]["artifact_no"])
    return None


def _write_version(
    cursor: duckdb.DuckDBPyConnection,
    blobs: BlobStore,
    artifact: LoggedArtifact,
    *,
    collection_no: int,
    digest: str,
    run: dict[str, Any],
) -> int:
    files = pa.Table.from_pylist(artifact.entries, schema=MANIFEST)
    now, columns = run["heartbeat_at"], artifact.columns
    index = artifact_listing.next_index(cursor, collection_no)
    version = {
        "storage_id": unique_id("Artifact"),
        "version_index": index,
        "state": "COMMITTED",
        "digest": digest,
        "digest_algorithm": "MANIFEST_MD5",
        "description": columns.get("description") or None,
        "metadata": columns.get("metadata") or None,
        "tags": artifact.tags,
        "ttl_seconds": artifact.ttl_seconds,
        "size": sum(entry["size"] for entry in artifact.entries),
        "file_count": len(artifact.entries),
        "run_storage_id": run["storage_id"],
        "username": USER,
        "manifest": blobs.add(write_manifest(files)).sha256,
        "client_ids": [columns["client_id"]] if "client_id" in columns else [],
        "created_at": now,
        "updated_at": now,
    }
    (number,) = stored.write_versions(cursor, collection_no, [version]).values()
    stored.write_files(cursor, number, files, complete=True)
    for entry in artifact.entries:
        if entry["digest"] in artifact.blobs and entry["ref"] is None:
            stored.set_blob(cursor, number, entry["digest"], *artifact.blobs[entry["digest"]])
    member = {
        "artifact_no": number,
        "storage_id": unique_id("ArtifactCollectionMembership"),
        "version_index": index,
        "aliases": list(dict.fromkeys([*artifact.aliases, "latest"])),
        "created_at": now,
    }
    stored.write_members(cursor, collection_no, [member])
    return number
