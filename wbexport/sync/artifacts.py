"""Brings over artifacts: new versions with their bytes, and what was edited of the others.

The content of a version never changes, so its manifest and bytes are fetched once. What is known
of it is compared at every sync. Versions that the server has no more are marked as deleted, and
keep their bytes.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urljoin

import pyarrow as pa

from wbexport.api.artifacts.manifest import XXH128, file_digest
from wbexport.api.concurrent import map_in_order
from wbexport.arrow.manifests import parse_manifest
from wbexport.errors import AuthError, IntegrityError, NotFoundError, StoreError, WbexportError
from wbexport.graphql.models import ArtifactTypeNode, CollectionNode, VersionNode, read_node
from wbexport.store import artifact_listing, artifacts, reader
from wbexport.store.writer import ProjectRow, upsert_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from wbexport.sync.parts import PartJob

__all__ = ["sync_artifacts"]

#: Versions that are fetched, and then written in one transaction.
_BATCH = 32
#: Asked for by name up to here; above, all files of a version are listed.
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class _Content:
    """What is in a version: its manifest as a blob, and its files with theirs."""

    manifest: str
    files: pa.Table


@dataclass(frozen=True, slots=True)
class _Listed:
    """A version as a collection lists it."""

    collection: CollectionNode
    node: VersionNode

    @property
    def path(self) -> str:
        place = self.collection.project
        name = f"{self.collection.name}:v{self.member['version_index']}"
        return f"{place.entity.name}/{place.name}/{name}"

    @property
    def member(self) -> dict[str, Any]:
        """The membership in the collection that lists it."""
        for member in self.node.artifact_memberships.nodes:
            if member.artifact_collection and member.artifact_collection.id == self.collection.id:
                return {
                    "storage_id": member.id,
                    "version_index": member.version_index,
                    "aliases": [each.alias for each in member.aliases],
                    "created_at": member.created_at,
                }
        raise IntegrityError(f"{self.collection.name} lists {self.node.id}, which is not in it.")


def sync_artifacts(job: PartJob) -> int:
    """Bring over the artifacts of a project.

    Returns:
        How many versions are new or were changed.
    """
    types = [
        read_node(ArtifactTypeNode, each)
        for each in job.nodes("ArtifactTypes", "artifactTypes", perPage=200)
    ]
    collections = [
        read_node(CollectionNode, each)
        for each in job.nodes("ProjectArtifactCollections", "artifactCollections", perPage=200)
    ]
    _write_types(job, types)
    return sum(_sync_collection(job, each) for each in collections if not job.interrupted())


def _write_types(job: PartJob, types: Iterable[ArtifactTypeNode]) -> None:
    stored = artifact_listing.read_types(job.store.cursor(), job.project_no)
    known = set(stored.column("name").to_pylist())
    fresh = [each for each in types if each.name not in known]
    if fresh:
        with job.store.transaction() as cursor:
            for each in fresh:
                artifacts.write_type(
                    cursor,
                    job.project_no,
                    each.name,
                    storage_id=each.id,
                    created_at=each.created_at,
                    description=each.description,
                )


def _number_of(job: PartJob, collection: CollectionNode) -> int:
    """Return the number of a collection of the project, written anew if it differs."""
    stored = artifact_listing.read_collections(
        job.store.cursor(), project_no=job.project_no, storage_id=collection.id
    ).to_pylist()
    row = _collection_row(collection)
    if stored and all(_same(stored[0][name], value) for name, value in row.items()):
        return int(stored[0]["collection_no"])
    with job.store.transaction() as cursor:
        return _write_collection(cursor, job, collection)


def _sync_collection(job: PartJob, collection: CollectionNode) -> int:
    collection_no = _number_of(job, collection)
    place = "artifactType", "artifactCollection", "artifacts"
    listed = (
        _Listed(collection, read_node(VersionNode, each))
        for each in job.nodes(
            "ArtifactInventory",
            *place,
            type=collection.default_artifact_type.name,
            collection=collection.name,
        )
    )
    known = {
        each["artifact"]["storage_id"]: each
        for each in artifact_listing.read_members(
            job.store.cursor(), collection_no=collection_no
        ).to_pylist()
    }
    seen: set[str] = set()
    changed = 0
    while not job.interrupted() and (batch := list(islice(listed, _BATCH))):
        seen |= {each.node.id for each in batch}
        wanted = [each for each in batch if _differs(job, each, known.get(each.node.id))]
        contents = map_in_order(lambda each: _fetch(job, each, known.get(each.node.id)), wanted)
        ready = [(each, content) for each, content in zip(wanted, contents, strict=True) if content]
        if ready:
            with job.store.transaction() as cursor:
                for each, content in ready:
                    _write_version(cursor, job, collection_no, each, content)
        changed += len(ready)
    if not job.interrupted():
        changed += _mark_gone(job, collection_no, known, seen)
    return changed


def _mark_gone(
    job: PartJob, collection_no: int, known: Mapping[str, Mapping[str, Any]], seen: set[str]
) -> int:
    """Take out of a collection what the server does not list there any more; bytes stay."""
    gone = [each for storage_id, each in known.items() if storage_id not in seen]
    if gone:
        with job.store.transaction() as cursor:
            numbers = [each["artifact_no"] for each in gone]
            artifacts.delete_members(cursor, collection_no, numbers)
            own = [
                {"storage_id": each["artifact"]["storage_id"], "state": "DELETED"}
                for each in gone
                if each["artifact"]["collection_no"] == collection_no
            ]
            if own:
                artifacts.write_versions(cursor, collection_no, own)
    return len(gone)


def _write_collection(cursor: duckdb.DuckDBPyConnection, job: PartJob, node: CollectionNode) -> int:
    """Write a collection, and its project when that is another one than the sync's."""
    place = node.project
    project_no = job.project_no
    if (place.entity.name, place.name) != (job.project.entity, job.project.project):
        owner = ProjectRow(job.origin, place.id, place.entity.name, place.name, place.internal_id)
        project_no = upsert_project(cursor, owner)
    row = _collection_row(node)
    return artifacts.write_collections(cursor, project_no, [row])[node.id]


def _collection_row(node: CollectionNode) -> dict[str, Any]:
    return {
        "storage_id": node.id,
        "kind": "SEQUENCE" if node.typename == "ArtifactSequence" else "PORTFOLIO",
        "type": node.default_artifact_type.name,
        "name": node.name,
        "description": node.description,
        "tags": [tag.name for tag in node.tags.nodes],
        "created_at": node.created_at,
        "updated_at": node.updated_at,
    }


def _version_row(node: VersionNode) -> dict[str, Any]:
    creator = node.created_by
    return {
        "storage_id": node.id,
        "version_index": node.version_index,
        "state": node.state,
        "digest": node.digest,
        "digest_algorithm": node.digest_algorithm,
        "description": node.description,
        "metadata": node.metadata,
        "tags": [tag.name for tag in node.tags],
        "ttl_seconds": node.ttl_duration_seconds,
        "size": node.size,
        "file_count": node.file_count,
        "history_step": node.history_step,
        "commit_hash": node.commit_hash,
        "run_storage_id": creator and creator.id,
        "username": creator and creator.username,
        "created_at": node.created_at,
        "updated_at": node.updated_at,
    }


def _differs(job: PartJob, listed: _Listed, known: Mapping[str, Any] | None) -> bool:
    """Tell whether a version is new, was edited, or lacks some of its bytes."""
    if known is None or known["artifact"]["manifest"] is None:
        return True
    stored, row, member = known["artifact"], _version_row(listed.node), listed.member
    if any(not _same(stored[name], value) for name, value in row.items()):
        return True
    if any(not _same(known[name], value) for name, value in member.items()):
        return True
    cursor, number = job.store.cursor(), stored["artifact_no"]
    users = {each.id for each in listed.node.used_by.nodes}
    missing = users - set(artifact_listing.read_users(cursor, number))
    return bool(
        reader.run_numbers(cursor, missing) or artifact_listing.missing_files(cursor, number)
    )


def _same(stored: Any, told: Any) -> bool:
    if isinstance(told, list):
        return sorted(stored or ()) == sorted(told)
    return bool(stored == told)


def _fetch(job: PartJob, listed: _Listed, known: Mapping[str, Any] | None) -> _Content | None:
    """Fetch what is in a version, or note why that failed."""
    try:
        if known is not None and known["artifact"]["manifest"] is not None:
            number = known["artifact"]["artifact_no"]
            stored = artifact_listing.read_files(job.store.cursor(), number)
            return _Content(known["artifact"]["manifest"], _with_bytes(job, listed, stored))
        return _fetch_new(job, listed)
    except (AuthError, StoreError):
        raise
    except WbexportError as error:
        job.failures[listed.path] = str(error)
        return None


def _fetch_new(job: PartJob, listed: _Listed) -> _Content:
    manifest = listed.node.current_manifest
    if manifest is None:
        raise NotFoundError(f"The server has no manifest of {listed.path}; try again later.")
    session = job.service.session
    content = session.get_bytes(urljoin(session.settings.base_url, manifest.file.direct_url))
    files = parse_manifest(content)
    digests = files["digest"].to_pylist()
    stored = artifact_listing.find_blobs(job.store.cursor(), digests)
    blobs = pa.array([stored.get(digest) for digest in digests], pa.string())
    files = files.append_column("blob", blobs)
    return _Content(job.store.blobs.add(content).sha256, _with_bytes(job, listed, files))


def _with_bytes(job: PartJob, listed: _Listed, files: pa.Table) -> pa.Table:
    """Download the files whose bytes are not stored; references lead elsewhere and stay so."""
    rows = files.to_pylist()
    missing = {row["path"]: row for row in rows if row["blob"] is None and row["ref"] is None}
    if not missing:
        return files
    urls = _urls(job, listed, list(missing))
    if lacking := missing.keys() - urls.keys():
        raise NotFoundError(f"The server has no bytes of {min(lacking)!r} of {listed.path}.")
    for path, row in missing.items():
        row["blob"] = _download(job, listed, row, urls[path])
    blobs = pa.array([row["blob"] for row in rows], pa.string())
    return files.set_column(files.column_names.index("blob"), "blob", blobs)


def _urls(job: PartJob, listed: _Listed, paths: list[str]) -> dict[str, str]:
    place = "artifactCollection", "artifactMembership", "files"
    nodes = job.nodes(
        "ArtifactFileUrls",
        *place,
        collection=listed.collection.name,
        alias=f"v{listed.member['version_index']}",
        names=paths if len(paths) <= _MOST_NAMES else None,
    )
    return {node["name"]: node["directUrl"] for node in nodes}


def _download(job: PartJob, listed: _Listed, row: Mapping[str, Any], url: str) -> str:
    session = job.service.session
    extra = json.loads(row["extra"] or "{}")
    is_md5 = extra.get("alg") != "XXH128"
    folder = job.store.path.parent if job.store.path.is_absolute() else None
    with tempfile.NamedTemporaryFile(dir=folder) as temporary:
        sink = cast("BinaryIO", temporary.file)
        session.download(
            urljoin(session.settings.base_url, url),
            sink,
            size=row["size"],
            md5=row["digest"] if is_md5 else None,
            refresh=lambda: _urls(job, listed, [row["path"]])[row["path"]],
        )
        sink.flush()
        if not is_md5 and file_digest(Path(temporary.name), XXH128) != row["digest"]:
            raise IntegrityError(f"{row['path']!r} of {listed.path} is not what its manifest says.")
        sink.seek(0)
        return job.store.blobs.add(sink).sha256


def _write_version(
    cursor: duckdb.DuckDBPyConnection,
    job: PartJob,
    collection_no: int,
    listed: _Listed,
    content: _Content,
) -> None:
    node = listed.node
    source_no = collection_no
    if node.artifact_sequence.id != listed.collection.id:
        source_no = _write_collection(cursor, job, node.artifact_sequence)
    row = _version_row(node) | {"manifest": content.manifest}
    number = artifacts.write_versions(cursor, source_no, [row])[node.id]
    artifacts.write_members(cursor, collection_no, [listed.member | {"artifact_no": number}])
    artifacts.write_files(cursor, number, content.files, complete=True)
    users = {each.id for each in node.used_by.nodes}
    for run_no in reader.run_numbers(cursor, users):
        artifacts.write_lineage(cursor, run_no, number, "input")
    if node.created_by and node.created_by.id:
        for run_no in reader.run_numbers(cursor, {node.created_by.id}):
            artifacts.write_lineage(cursor, run_no, number, "output")
