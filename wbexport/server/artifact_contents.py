"""Takes in what is in a version: manifests, files, and the commit that checks them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from wbexport.arrow.literals import parse_json
from wbexport.arrow.manifests import (
    MANIFEST,
    MD5,
    XXH128,
    check_entry_name,
    manifest_digest,
    parse_manifest,
    write_manifest,
)
from wbexport.errors import ConflictError, InputError, IntegrityError, NotFoundError
from wbexport.server import artifact_lookup, lookup, memberships
from wbexport.server.artifact_lookup import LATEST, version_path
from wbexport.store import artifact_listing
from wbexport.store import artifacts as stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node, Service
    from wbexport.store.blobs import Blob, BlobStore

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "algorithm_of",
    "announce_manifest",
    "change_manifest",
    "commit",
    "complete_parts",
    "declare_files",
    "expected",
    "get_manifest",
    "record_bytes",
    "record_manifest",
    "upload_id",
]

#: How the blob store calls the digests.
_HASHES = {MD5: "md5", XXH128: "xxh128"}


def expected(digest: str, algorithm: str) -> dict[str, str]:
    """Return what the blob store must find: `md5` or `xxh128`, in hexadecimal.

    Raises:
        InputError: The digest is none in base64.
    """
    try:
        decoded = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != 16:
        raise InputError(f"{digest[:80]!r} is no digest of a file: 16 bytes in base64")
    return {_HASHES[algorithm]: decoded.hex()}


def algorithm_of(file: Node) -> str:
    """Tell how the digest of a file was made."""
    extra = parse_json(file["extra"]) if file["extra"] else {}
    return XXH128 if extra.get("alg") == "XXH128" else MD5


def upload_id(artifact_id: str, name: str, digest: str) -> str:
    """Return the name of an upload in parts: always the same for the same file."""
    text = "\n".join((artifact_id, name, digest))
    return hashlib.sha256(text.encode()).hexdigest()


def announce_manifest(cur: Cursor, given: Node) -> Node:
    """Note that a client will send a manifest; a full one is announced twice.

    Returns:
        The row of the manifest.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: It is committed.
        InputError: The digest is malformed.
    """
    version = _pending(cur, given["artifactID"])
    kind = given.get("type") or "FULL"
    known = artifact_listing.read_manifests(cur, artifact_no=version["artifact_no"], kind=kind)
    full = known.to_pylist() if kind == "FULL" else []
    storage_id = full[0]["storage_id"] if full else lookup.unique_id("ArtifactManifest")
    return _write_manifest(
        cur,
        {
            "artifact_no": version["artifact_no"],
            "storage_id": storage_id,
            "kind": kind,
            "name": check_entry_name(given["name"]),
            "digest": _manifest_md5(given),
            "base": given.get("baseArtifactID"),
            "blob": None,
        },
    )


def change_manifest(cur: Cursor, given: Node) -> Node:
    """Note the digest of a manifest that was announced without one.

    Returns:
        The row of the manifest.

    Raises:
        NotFoundError: There is no such manifest.
        InputError: The digest is malformed.
    """
    changes = {"digest": _manifest_md5(given), "base": given.get("baseArtifactID")}
    given_changes = {name: value for name, value in changes.items() if value is not None}
    return _write_manifest(cur, get_manifest(cur, given["artifactManifestID"]) | given_changes)


def get_manifest(cur: Cursor, storage_id: str) -> Node:
    """Return a manifest of a version that is not committed."""
    found = artifact_listing.read_manifests(cur, storage_id=storage_id).to_pylist()
    if not found:
        raise NotFoundError(f"there is no manifest with id {storage_id} that waits for its bytes")
    manifest: Node = found[0]
    return manifest


def record_manifest(cur: Cursor, manifest: Node, blob: Blob) -> None:
    """Note that the bytes of a manifest are stored."""
    _write_manifest(cur, manifest | {"blob": blob.sha256})


def declare_files(cur: Cursor, given: Node, *, entities: Sequence[str] | None) -> list[Node]:
    """Note which files versions will have.

    Args:
        cur: Cursor of a transaction.
        given: The input of `createArtifactFiles`.
        entities: Whose bytes the client may see; None for everybody's.

    Returns:
        A row per file in the same order: `artifact`, the version in which the file came first;
        `blob` when the bytes are here already.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: It is committed.
        InputError: A malformed digest.
        UnsafeNameError: A name that would leave its folder.
    """
    declared: dict[str, tuple[Node, dict[str, Node]]] = {}
    algorithm = given.get("digestAlgorithm") or MD5
    for spec in given["artifactFiles"]:
        storage_id = spec["artifactID"]
        if storage_id not in declared:
            declared[storage_id] = _pending(cur, storage_id), {}
        digest = spec.get("digest") or spec["md5"]
        expected(digest, algorithm)
        row = {"path": check_entry_name(spec["name"]), "digest": digest}
        row["extra"] = '{"alg":"XXH128"}' if algorithm == XXH128 else None
        declared[storage_id][1][spec["name"]] = row
    known: dict[tuple[str, str], Node] = {}
    for storage_id, (version, rows) in declared.items():
        table = pa.Table.from_pylist(list(rows.values()), schema=MANIFEST)
        stored.write_files(cur, version["artifact_no"], table, entities=entities)
        files = artifact_listing.read_files(cur, version["artifact_no"], names=rows).to_pylist()
        births = {row["birth_artifact"] for row in files} - {None}
        born = {birth: artifact_lookup.find_version(cur, birth) or version for birth in births}
        for row in files:
            artifact = born.get(row["birth_artifact"], version)
            known[storage_id, row["path"]] = row | {"artifact": artifact}
    return [known[spec["artifactID"], spec["name"]] for spec in given["artifactFiles"]]


def record_bytes(cur: Cursor, artifact_id: str, digest: str, algorithm: str, blob: Blob) -> None:
    """Note that the bytes of a file are stored."""
    number = artifact_listing.find_artifact_no(cur, artifact_id, state="PENDING")
    if number is None:
        number = _pending(cur, artifact_id)["artifact_no"]
    alg = _HASHES[algorithm].upper()
    stored.set_blob(cur, number, digest, blob.sha256, blob.size, algorithm=alg)


def complete_parts(service: Service, given: Node) -> str | None:
    """Join the parts of a file, or drop them, as the client says.

    Returns:
        The digest of the file; None when the parts were dropped.

    Raises:
        NotFoundError: The version waits for no such file.
        IntegrityError: A part is missing, or the file is not what was announced.
    """
    cur, blobs = service.store.cursor(), service.store.blobs
    version = _pending(cur, given["artifactID"])
    name = given["storagePath"]
    files = artifact_listing.read_files(cur, version["artifact_no"], names=[name]).to_pylist()
    upload = given["uploadID"]
    if not files or upload != upload_id(given["artifactID"], name, files[0]["digest"]):
        raise NotFoundError(f"{version_path(version)} waits for no upload in parts of {name!r}")
    if given["completeMultipartAction"] == "Abort":
        blobs.drop_parts(upload)
        return None
    numbers = [part["partNumber"] for part in given["completedParts"]]
    digest, algorithm = str(files[0]["digest"]), algorithm_of(files[0])
    blob = blobs.join_parts(upload, numbers, **expected(digest, algorithm))
    with service.writing() as writing:
        record_bytes(writing, given["artifactID"], digest, algorithm, blob)
    return digest


def commit(
    cur: Cursor,
    blobs: BlobStore,
    storage_id: str,
    *,
    entities: Sequence[str] | None,
    now: datetime,
) -> Node:
    """Check that a version is whole, and give it its index and aliases.

    Args:
        cur: Cursor of a transaction.
        blobs: Where manifests are read from and written to.
        storage_id: The version.
        entities: Whose bytes the client may see; None for everybody's.
        now: The time.

    Returns:
        The version; one that is committed already stays as it is.

    Raises:
        NotFoundError: There is no such version.
        IntegrityError: The manifest or bytes of files are missing, or other than announced.
        UnsafeNameError: The manifest names a file that would leave its folder.
    """
    version = artifact_lookup.get_version(cur, storage_id)
    if version["state"] == "COMMITTED":
        return version
    files, manifest = _contents(cur, blobs, version)
    number = version["artifact_no"]
    stored.write_files(cur, number, files, complete=True, entities=entities)
    _require_bytes(cur, version)
    collection = version["collection"]
    aliases = [*(version["wanted_aliases"] or ()), LATEST]
    changes = {
        "storage_id": storage_id,
        "state": "COMMITTED",
        "version_index": memberships.add_member(cur, collection, version, aliases, now=now),
        "digest": _digest(files, version),
        "size": sum(size or 0 for size in files["size"].to_pylist()),
        "file_count": files.num_rows,
        "manifest": manifest,
        "wanted_aliases": None,
        "distributed_id": None,
        "updated_at": now,
    }
    stored.write_versions(cur, collection["collection_no"], [changes])
    stored.forget_manifests(cur, number)
    return artifact_lookup.get_version(cur, storage_id)


def _contents(cur: Cursor, blobs: BlobStore, version: Node) -> tuple[pa.Table, str]:
    """Return the files of a version, and the sha256 of the manifest that says so."""
    sent = artifact_listing.read_manifests(cur, artifact_no=version["artifact_no"]).to_pylist()
    sent = [each for each in sent if each["blob"] is not None]
    if not sent:
        raise IntegrityError(f"no manifest of {version_path(version)} has arrived; send it first")
    parsed = [parse_manifest(blobs.path(each["blob"]).read_bytes()) for each in sent]
    if sent[-1]["kind"] == "FULL":
        if _digest(parsed[-1], version) != version["digest"]:
            raise IntegrityError(
                f"the manifest of {version_path(version)} has another digest than "
                f"{version['digest']}, which was announced"
            )
        return parsed[-1], str(sent[-1]["blob"])
    base = next((each["base"] for each in sent if each["kind"] == "INCREMENTAL"), None)
    if base is not None:
        parsed.insert(0, _files_of(cur, base))
    rows = {row["path"]: row for table in parsed for row in table.to_pylist()}
    files = pa.Table.from_pylist([rows[path] for path in sorted(rows)], schema=MANIFEST)
    return files, blobs.add(write_manifest(files)).sha256


def _files_of(cur: Cursor, storage_id: str) -> pa.Table:
    version = artifact_lookup.get_version(cur, storage_id)
    return artifact_listing.read_files(cur, version["artifact_no"]).select(MANIFEST.names)


def _digest(files: pa.Table, version: Node) -> str:
    entries = zip(files["path"].to_pylist(), files["digest"].to_pylist(), strict=True)
    return manifest_digest(entries, version["digest_algorithm"])


def _require_bytes(cur: Cursor, version: Node) -> None:
    missing = artifact_listing.missing_files(cur, version["artifact_no"])
    if missing:
        raise IntegrityError(
            f"{len(missing)} files of {version_path(version)} have not arrived as announced, "
            f"the first is {missing[0]!r}; upload them and commit again"
        )


def _pending(cur: Cursor, storage_id: str) -> Node:
    version = artifact_lookup.get_version(cur, storage_id)
    if version["state"] != "PENDING":
        raise ConflictError(
            f"{version_path(version)} is committed: its files never change; log a new version"
        )
    return version


def _manifest_md5(given: Node) -> str | None:
    """The MD5 in base64 that an input announces; an empty one stands for none yet."""
    digest: str | None = given.get("digest") or None
    if digest is not None:
        expected(digest, MD5)
    return digest


def _write_manifest(cur: Cursor, row: Node) -> Node:
    stored.write_manifest(cur, **row)
    return row
