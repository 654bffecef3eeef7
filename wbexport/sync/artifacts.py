"""Brings over artifacts: new versions with their bytes, and what was edited of the others.

The content of a version never changes, so its manifest and bytes are fetched once. What is known
of it is compared at every sync. Versions that a collection has no more are marked as deleted, and
keep their bytes; a collection that is gone altogether stays as it was.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pyarrow as pa

from wbexport.api.concurrent import map_in_order
from wbexport.arrow.manifests import parse_manifest
from wbexport.errors import (
    AuthError,
    IntegrityError,
    NotFoundError,
    RateLimitError,
    ServerError,
    StoreError,
    TransportError,
    WbexportError,
)
from wbexport.graphql.models import ArtifactTypeNode, CollectionNode, VersionNode, read_node
from wbexport.store import artifact_listing, artifacts, lineage, reader
from wbexport.store.writer import ProjectRow, upsert_project
from wbexport.sync.downloads import download_blob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import duckdb

    from wbexport.store.artifacts import Direction
    from wbexport.sync.parts import PartJob

    #: A run's storage id, and what it did with a version.
    Edge = tuple[str, Direction]

__all__ = ["sync_artifacts"]

#: Versions that are fetched, and then written in one transaction.
_BATCH = 32
#: Asked for by name up to here; above, all files of a version are listed.
_MOST_NAMES = 200
#: The versions that are there for good.
_COMMITTED = json.dumps({"state": "COMMITTED"})
#: Versions of a listing that tells nothing but which ones there are.
_IDS = 1_000
#: What tells of the server and not of one collection.
_ENDING = (AuthError, StoreError, TransportError, ServerError, RateLimitError)


@dataclass(frozen=True, slots=True)
class _Content:
    """What is in a version: its manifest as a blob, and its files, None when they are stored."""

    manifest: str
    files: pa.Table | None


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store has of a collection, all of it read at once.

    Args:
        storage_id: Its id on the server.
        collection_no: Its number.
        members: Storage id of a version to what the collection says of it.
        lacking: The numbers of the versions some of whose bytes are not here.
        lineage: The number of a version to the runs that logged or used it.
    """

    storage_id: str
    collection_no: int
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lacking: Collection[int] = ()
    lineage: Mapping[int, set[Edge]] = field(default_factory=dict)

    def whole(self, listed: _Listed) -> Mapping[str, Any] | None:
        """Return a version that was brought over before, with its manifest."""
        known = self.members.get(listed.node.id)
        return known if known and known["artifact"]["manifest"] is not None else None


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

    @property
    def lineage(self) -> set[Edge]:
        """The runs that logged or used the version."""
        edges: set[Edge] = {(run.id, "input") for run in self.node.used_by.nodes}
        creator = self.node.created_by
        return edges | ({(creator.id, "output")} if creator and creator.id else set())


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
    """Bring over one collection; one that fails does not stop the others."""
    try:
        stored = _read_stored(job, collection)
        seen: set[str] = set()
        changed = 0
        listed = _list(job, collection)
        while not job.interrupted() and (batch := list(islice(listed, _BATCH))):
            seen |= {each.node.id for each in batch}
            changed += _sync_batch(job, stored, batch)
        if not job.interrupted():
            changed += _mark_gone(job, stored, _find_gone(job, collection, stored, seen))
        return changed
    except _ENDING:
        raise
    except WbexportError as error:
        job.failures[_path(collection)] = str(error)
        return 0


def _path(collection: CollectionNode) -> str:
    return f"{collection.project.entity.name}/{collection.project.name}/{collection.name}"


def _read_stored(job: PartJob, collection: CollectionNode) -> _Stored:
    collection_no, cursor = _number_of(job, collection), job.store.cursor()
    members = artifact_listing.read_members(cursor, collection_no=collection_no).to_pylist()
    return _Stored(
        collection.id,
        collection_no,
        {each["artifact"]["storage_id"]: each for each in members},
        artifact_listing.lacking_bytes(cursor, collection_no),
        lineage.read_lineage(cursor, collection_no),
    )


def _list(job: PartJob, collection: CollectionNode) -> Iterator[_Listed]:
    for page in _pages(job, "ArtifactInventory", collection):
        for edge in page["edges"]:
            yield _Listed(collection, read_node(VersionNode, edge["node"]))


def _pages(
    job: PartJob, operation: str, collection: CollectionNode, **variables: Any
) -> Iterator[Mapping[str, Any]]:
    return job.pages(
        operation,
        "artifactType",
        "artifactCollection",
        "artifacts",
        type=collection.default_artifact_type.name,
        collection=collection.name,
        filters=_COMMITTED,
        **variables,
    )


def _sync_batch(job: PartJob, stored: _Stored, batch: Collection[_Listed]) -> int:
    """Bring over those of some versions that differ from what is stored, at once or not at all."""
    named = {run for each in batch for run, _ in each.lineage}
    runs = reader.run_numbers(job.store.cursor(), named)
    # A version that moved while pages were read is listed twice.
    once = {each.node.id: each for each in batch}.values()
    wanted = [each for each in once if _differs(each, stored, runs)]
    contents = map_in_order(lambda each: _fetch(job, each, stored), wanted)
    ready = [(each, content) for each, content in zip(wanted, contents, strict=True) if content]
    if ready:
        with job.store.transaction() as cursor:
            _write_versions(cursor, job, stored, ready, runs=runs)
    return len(ready)


def _find_gone(
    job: PartJob, collection: CollectionNode, stored: _Stored, seen: set[str]
) -> list[Mapping[str, Any]]:
    """Find what a collection has no more: two more listings that are complete must agree."""
    gone = stored.members.keys() - seen
    listed: set[str] = set()
    for _ in range(2 if gone else 0):
        listed, total = set(), None
        for page in _pages(job, "ArtifactIds", collection, perPage=_IDS):
            listed |= {edge["node"]["id"] for edge in page["edges"]}
            total = page.get("totalCount")
        if len(listed) != total:
            raise IntegrityError(
                f"Its listing did not settle: {len(listed)} versions of {total}. The "
                f"{len(gone)} that look deleted stay as they are; sync again later."
            )
        gone -= listed
    if len(gone) > 1 and not listed and not job.accept_deletes:
        raise IntegrityError(
            f"Not one of its {len(gone)} versions is listed any more, which looks like a changed "
            "key. Nothing was changed. If they were deleted, sync again with accept_deletes "
            "(--accept-deletes): they are marked as deleted and stay in the store."
        )
    return [stored.members[each] for each in gone]


def _mark_gone(job: PartJob, stored: _Stored, gone: Collection[Mapping[str, Any]]) -> int:
    """Take out of a collection what the server does not list there any more; bytes stay."""
    if gone:
        with job.store.transaction() as cursor:
            numbers = [each["artifact_no"] for each in gone]
            artifacts.delete_members(cursor, stored.collection_no, numbers)
            own = [
                {"storage_id": each["artifact"]["storage_id"], "state": "DELETED"}
                for each in gone
                if each["artifact"]["collection_no"] == stored.collection_no
            ]
            if own:
                artifacts.write_versions(cursor, stored.collection_no, own)
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


def _differs(listed: _Listed, stored: _Stored, runs: Mapping[str, int]) -> bool:
    """Tell whether a version is new, was edited, or lacks some of its bytes or its lineage."""
    known = stored.whole(listed)
    if known is None or known["artifact_no"] in stored.lacking:
        return True
    told = ((known["artifact"], _version_row(listed.node)), (known, listed.member))
    if any(not _same(row[name], value) for row, new in told for name, value in new.items()):
        return True
    missing = listed.lineage - stored.lineage.get(known["artifact_no"], set())
    return any(run in runs for run, _ in missing)


def _same(stored: Any, told: Any) -> bool:
    if isinstance(told, list):
        return sorted(stored or ()) == sorted(told)
    return bool(stored == told)


def _fetch(job: PartJob, listed: _Listed, stored: _Stored) -> _Content | None:
    """Fetch what is in a version and not stored, or note why that failed."""
    known = stored.whole(listed)
    try:
        if known is None:
            return _fetch_new(job, listed)
        files = None
        if known["artifact_no"] in stored.lacking:
            files = artifact_listing.read_files(job.store.cursor(), known["artifact_no"])
            files = _with_bytes(job, listed, files)
        return _Content(known["artifact"]["manifest"], files)
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
    is_xxh128 = json.loads(row["extra"] or "{}").get("alg") == "XXH128"
    return download_blob(
        job.service,
        job.store,
        url,
        size=row["size"],
        md5=None if is_xxh128 else row["digest"],
        xxh128=b64decode(row["digest"]).hex() if is_xxh128 else None,
        refresh=lambda: _urls(job, listed, [row["path"]])[row["path"]],
    )


def _write_versions(
    cursor: duckdb.DuckDBPyConnection,
    job: PartJob,
    stored: _Stored,
    ready: Collection[tuple[_Listed, _Content]],
    *,
    runs: Mapping[str, int],
) -> None:
    sources = {each.node.artifact_sequence.id: each.node.artifact_sequence for each, _ in ready}
    numbers: dict[str, int] = {}
    for source_id, source in sources.items():
        source_no = stored.collection_no
        if source_id != stored.storage_id:
            source_no = _write_collection(cursor, job, source)
        rows = [
            _version_row(each.node) | {"manifest": content.manifest}
            for each, content in ready
            if each.node.artifact_sequence.id == source_id
        ]
        numbers |= artifacts.write_versions(cursor, source_no, rows)
    members = [each.member | {"artifact_no": numbers[each.node.id]} for each, _ in ready]
    artifacts.write_members(cursor, stored.collection_no, members)
    for each, content in ready:
        number = numbers[each.node.id]
        if content.files is not None:
            artifacts.write_files(cursor, number, content.files, complete=True)
        for run, direction in each.lineage - stored.lineage.get(number, set()):
            if run in runs:
                artifacts.write_lineage(cursor, runs[run], number, direction)
