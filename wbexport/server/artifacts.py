"""Changes what the store says of artifact versions, as clients ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wbexport.arrow.literals import parse_json
from wbexport.arrow.manifests import MD5
from wbexport.errors import ConflictError, InputError, ResponseError
from wbexport.server import artifact_lookup, collections, lookup, memberships, recorder
from wbexport.server.artifact_lookup import version_path
from wbexport.store import artifact_listing
from wbexport.store import artifacts as stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = ["create", "delete", "delete_logged_by", "update", "use"]

_DIGEST = re.compile(r"[0-9a-f]{32}")


def create(cur: Cursor, given: Node, *, username: str, now: datetime) -> Node:
    """Start a version, or return the one that has this content already.

    Args:
        cur: Cursor of a transaction.
        given: The input of `createArtifact`.
        username: Who asks.
        now: The time.

    Returns:
        The version: COMMITTED when its content is known, else PENDING.

    Raises:
        NotFoundError: There is no such run.
        InputError: A malformed name, digest, tag or metadata.
        ConflictError: The collection holds another type, or links.
    """
    # An upload of an offline run leaves the owner to the server.
    given = given | {"entityName": given["entityName"] or lookup.default_entity(cur)}
    entity, project = given["entityName"], given["projectName"]
    run = None
    if given.get("runName"):
        run = lookup.get_run(cur, entity, project, given["runName"], columns=lookup.ALWAYS)
    collection = _sequence_for(cur, given, now=now)
    aliases = memberships.aliases_in(collection, given.get("aliases"))
    columns = _columns(given, run, username)
    version = _known_version(cur, collection, given)
    if version is None:
        row = columns | {
            "storage_id": lookup.unique_id("Artifact"),
            "created_at": now,
            "updated_at": now,
        }
        number = _write(cur, collection, row | {"wanted_aliases": aliases})
    else:
        number = version["artifact_no"]
        _recognise(cur, version, columns, aliases, now=now)
    if run is not None:
        stored.write_lineage(cur, run["run_no"], number, "output", created_at=now)
    return _read(cur, number)


def update(cur: Cursor, given: Node, *, now: datetime) -> Node:
    """Change what the input of `updateArtifact` names.

    Raises:
        NotFoundError: There is no such version.
        InputError: A malformed tag or alias, or metadata that is no JSON object.
    """
    version = artifact_lookup.get_version(cur, given["artifactID"])
    changes: Node = {"updated_at": now}
    if "description" in given:
        changes["description"] = given["description"]
    if "metadata" in given:
        changes["metadata"] = _metadata(given)
    if given.get("ttlDurationSeconds") is not None:
        changes["ttl_seconds"] = given["ttlDurationSeconds"]
    tags = [*(version["tags"] or ()), *collections.tag_names(given.get("tagsToAdd"))]
    dropped = collections.tag_names(given.get("tagsToDelete"))
    changes["tags"] = [tag for tag in dict.fromkeys(tags) if tag not in dropped]
    _change(cur, version, changes)
    if given.get("aliases") is not None:
        aliases = memberships.aliases_in(version["collection"], given["aliases"])
        memberships.set_aliases(cur, version["collection"], version, aliases)
    return _read(cur, version["artifact_no"])


def delete(cur: Cursor, storage_id: str, *, aliases_too: bool) -> Node:
    """Delete a version with its links; the alias `latest` goes back to the version before it.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: It has aliases, which were not given up.
    """
    version = artifact_lookup.get_version(cur, storage_id)
    if version["aliases"] and not aliases_too:
        names = ", ".join(repr(each["alias"]) for each in version["aliases"])
        raise ConflictError(
            f"the artifact {version_path(version)} has the aliases {names}; "
            "delete them too, or move them to another version first"
        )
    _delete(cur, [version])
    return version | {"state": "DELETED"}


def delete_logged_by(cur: Cursor, run: Node) -> None:
    """Delete every version that a run logged, whatever it is called."""
    logged = artifact_listing.read_versions(cur, run_storage_id=run["storage_id"]).to_pylist()
    _delete(cur, [version for version in logged if version["state"] != "DELETED"])


def use(cur: Cursor, given: Node, *, now: datetime) -> Node:
    """Note that a run uses a version.

    Raises:
        NotFoundError: There is no such run or version.
    """
    path = (given["entityName"], given["projectName"], given["runName"])
    run = lookup.get_run(cur, *path, columns=lookup.ALWAYS)
    version = artifact_lookup.get_version(cur, given["artifactID"])
    stored.write_lineage(
        cur,
        run["run_no"],
        version["artifact_no"],
        "input",
        used_as=given.get("usedAs"),
        created_at=now,
    )
    return version


def _sequence_for(cur: Cursor, given: Node, *, now: datetime) -> Node:
    names = given.get("artifactCollectionNames") or [given.get("artifactCollectionName") or ""]
    if len(names) != 1:
        raise InputError("log an artifact to one collection, and link it to the others")
    project_no, _ = recorder.ensure_project(cur, given["entityName"], given["projectName"], now=now)
    type_name = given["artifactTypeName"]
    collection = collections.ensure_collection(
        cur, project_no, "SEQUENCE", type_name, names[0], now=now
    )
    if given.get("sequenceClientID") and not collection["client_id"]:
        changes = {
            "storage_id": collection["storage_id"],
            "client_id": given["sequenceClientID"],
        }
        stored.write_collections(cur, project_no, [changes])
    return collection


def _columns(given: Node, run: Node | None, username: str) -> Node:
    if not _DIGEST.fullmatch(given["digest"]):
        raise InputError(f"{given['digest'][:80]!r} is no digest of a manifest")
    client_id = given.get("clientID")
    return {
        "state": "PENDING",
        "digest": given["digest"],
        "digest_algorithm": given.get("digestAlgorithm") or MD5,
        "description": given.get("description"),
        "metadata": _metadata(given),
        "tags": list(dict.fromkeys(collections.tag_names(given.get("tags")))),
        "ttl_seconds": given.get("ttlDurationSeconds"),
        "history_step": given.get("historyStep"),
        "run_storage_id": run and run["storage_id"],
        "username": username,
        "client_ids": [client_id] if client_id else [],
        "distributed_id": given.get("distributedID"),
    }


def _metadata(given: Node) -> str | None:
    text: str | None = given.get("metadata")
    if text is None:
        return None
    try:
        if isinstance(parse_json(text), dict):
            return text
    except ResponseError:
        pass
    raise InputError("metadata must be a JSON object")


def _known_version(cur: Cursor, collection: Node, given: Node) -> Node | None:
    """Return the version that a client asks for again, or whose content it has."""
    if given.get("clientID"):
        known = artifact_lookup.find_by_client_id(cur, given["clientID"])
        if known is not None and known["collection_no"] == collection["collection_no"]:
            return known
    of_sequence = {"collection_no": collection["collection_no"]}
    if given.get("distributedID"):
        shared = artifact_listing.read_versions(
            cur, distributed_id=given["distributedID"], state="PENDING", **of_sequence, limit=1
        ).to_pylist()
        return next(iter(shared), None)
    if not given.get("enableDigestDeduplication"):
        return None
    same = artifact_listing.read_versions(
        cur,
        digest=given["digest"],
        digest_algorithm=given.get("digestAlgorithm") or MD5,
        state="COMMITTED",
        **of_sequence,
        limit=1,
    ).to_pylist()
    return next(iter(same), None)


def _recognise(
    cur: Cursor, version: Node, columns: Node, aliases: list[str], *, now: datetime
) -> None:
    """Let a version that is there already be known by what it is called now."""
    merged = {
        name: list(dict.fromkeys([*(version[name] or ()), *columns[name]]))
        for name in ("tags", "client_ids")
    }
    if version["state"] == "COMMITTED":
        _change(cur, version, merged)
        memberships.add_member(cur, version["collection"], version, aliases, now=now)
    else:
        wanted = [*(version["wanted_aliases"] or ()), *aliases]
        _change(cur, version, merged | {"wanted_aliases": list(dict.fromkeys(wanted))})


def _delete(cur: Cursor, versions: Sequence[Node]) -> None:
    left = {
        each["collection"]["collection_no"] for version in versions for each in version["aliases"]
    }
    stored.delete_versions(cur, [version["artifact_no"] for version in versions])
    for collection_no in left:
        memberships.settle_latest(cur, collection_no)


def _write(cur: Cursor, collection: Node, row: Node) -> int:
    numbers = stored.write_versions(cur, collection["collection_no"], [row])
    return numbers[row["storage_id"]]


def _change(cur: Cursor, version: Node, changes: Node) -> None:
    row: dict[str, Any] = {"storage_id": version["storage_id"], **changes}
    stored.write_versions(cur, version["collection_no"], [row])


def _read(cur: Cursor, artifact_no: int) -> Node:
    (version,) = artifact_listing.read_versions(cur, artifact_no=artifact_no).to_pylist()
    found: Node = version
    return found
