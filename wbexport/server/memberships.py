"""Changes which versions are in which artifact collections, and what they are called there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbexport.errors import InputError, NotFoundError
from wbexport.server import artifact_lookup, collections, lookup, recorder, registries
from wbexport.server.artifact_lookup import LATEST, VERSION_ALIAS, collection_path, version_path
from wbexport.store import artifact_listing
from wbexport.store import artifacts as stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import duckdb

    from wbexport.server.service import Node

    Cursor = duckdb.DuckDBPyConnection

__all__ = [
    "add_aliases",
    "add_member",
    "aliases_in",
    "delete_aliases",
    "link",
    "set_aliases",
    "settle_latest",
    "unlink",
]


def add_aliases(cur: Cursor, storage_id: str, aliases: Sequence[Node]) -> None:
    """Give a version aliases in collections that it is in, taking them from others there.

    Raises:
        NotFoundError: There is no such version or collection, or the one is not in the other.
        InputError: An alias is malformed.
    """
    for version, collection, names in _aliases_by_collection(cur, storage_id, aliases):
        member = artifact_lookup.get_member(cur, collection, version)
        set_aliases(cur, collection, version, [*(member["aliases"] or ()), *names])


def delete_aliases(cur: Cursor, storage_id: str, aliases: Sequence[Node]) -> None:
    """Take aliases from a version.

    Raises:
        NotFoundError: There is no such version or collection, or it has no such alias there.
    """
    for version, collection, names in _aliases_by_collection(cur, storage_id, aliases):
        member = artifact_lookup.get_member(cur, collection, version)
        known = member["aliases"] or []
        if missing := [name for name in names if name not in known]:
            path = f"{collection_path(collection)}:v{member['version_index']}"
            raise NotFoundError(f"{path} has no alias {missing[0]!r}")
        set_aliases(cur, collection, version, [name for name in known if name not in names])


def link(cur: Cursor, given: Node, *, now: datetime) -> Node:
    """Put a version into a portfolio, which is made if it is not there.

    Returns:
        What the portfolio says of the version.

    Raises:
        NotFoundError: There is no such version or portfolio.
        ConflictError: The target has that name and is no portfolio, or is of another type.
        InputError: A malformed name or alias.
    """
    version = _linked_version(cur, given)
    portfolio = _portfolio_for(cur, given, version, now=now)
    aliases = aliases_in(portfolio, given.get("aliases"))
    add_member(cur, portfolio, version, [*aliases, LATEST], now=now)
    return artifact_lookup.get_member(cur, portfolio, version)


def unlink(cur: Cursor, storage_id: str, portfolio_id: str) -> Node:
    """Take a version out of a portfolio.

    Raises:
        NotFoundError: There is no such version or portfolio, or the one is not in the other.
        InputError: The collection is the version's own sequence.
    """
    version = artifact_lookup.get_version(cur, storage_id)
    portfolio = artifact_lookup.get_collection_by_id(cur, portfolio_id)
    if portfolio["kind"] != "PORTFOLIO":
        raise InputError(
            f"{collection_path(portfolio)} is where {version_path(version)} was logged, "
            "not a link to it; delete the version instead"
        )
    artifact_lookup.get_member(cur, portfolio, version)
    stored.delete_members(cur, portfolio["collection_no"], [version["artifact_no"]])
    settle_latest(cur, portfolio["collection_no"])
    return version


def add_member(
    cur: Cursor, collection: Node, version: Node, aliases: Iterable[str], *, now: datetime
) -> int:
    """Put a version into a collection, or give it more aliases there.

    Returns:
        Its index there.
    """
    number = collection["collection_no"]
    known = artifact_listing.read_members(
        cur, collection_no=number, artifact_no=version["artifact_no"]
    ).to_pylist()
    if known:
        (row,) = known
        aliases = [*(row["aliases"] or ()), *aliases]
    else:
        row = {
            "artifact_no": version["artifact_no"],
            "storage_id": lookup.unique_id("ArtifactCollectionMembership"),
            "version_index": artifact_listing.next_index(cur, number),
            "created_at": now,
        }
    _write_member(cur, number, row, aliases)
    stored.write_collections(
        cur,
        collection["project"]["project_no"],
        [{"storage_id": collection["storage_id"], "updated_at": now}],
    )
    return int(row["version_index"])


def aliases_in(collection: Node, aliases: Sequence[Node] | None) -> list[str]:
    """Return the aliases that an input wants in a collection.

    Raises:
        InputError: One is malformed, or meant for another collection.
    """
    for each in aliases or ():
        if each["artifactCollectionName"] != collection["name"]:
            raise InputError(
                f"the alias {each['alias']!r} is for {each['artifactCollectionName']!r}, "
                f"and the artifact goes to {collection['name']!r}"
            )
    return [_check_alias(each["alias"]) for each in aliases or ()]


def _check_alias(alias: str) -> str:
    collections.check_name(alias, "alias")
    if VERSION_ALIAS.fullmatch(alias):
        raise InputError(f"{alias!r} is no alias: it is what the version of that index is called")
    return alias


def _aliases_by_collection(
    cur: Cursor, storage_id: str, aliases: Sequence[Node]
) -> Iterable[tuple[Node, Node, list[str]]]:
    version = artifact_lookup.get_version(cur, storage_id)
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for each in aliases:
        path = (each["entityName"], each["projectName"], each["artifactCollectionName"])
        wanted.setdefault(path, []).append(_check_alias(each["alias"]))
    for path, names in wanted.items():
        yield version, artifact_lookup.get_collection(cur, *path), names


def _linked_version(cur: Cursor, given: Node) -> Node:
    if given.get("artifactID"):
        return artifact_lookup.get_version(cur, given["artifactID"])
    if not given.get("clientID"):
        raise InputError("name the artifact to link, by artifactID or clientID")
    version = artifact_lookup.find_by_client_id(cur, given["clientID"])
    if version is None:
        raise NotFoundError("no artifact was logged here under that client ID")
    return version


def _portfolio_for(cur: Cursor, given: Node, version: Node, *, now: datetime) -> Node:
    type_name = version["collection"]["type"]
    if given.get("artifactPortfolioID"):
        portfolio = artifact_lookup.get_collection_by_id(cur, given["artifactPortfolioID"])
        return collections.ensure_collection(
            cur, portfolio["project_no"], "PORTFOLIO", type_name, portfolio["name"], now=now
        )
    source = version["collection"]["project"]
    entity = given.get("entityName") or source["entity"]
    project = given.get("projectName") or source["project"]
    registries.require_type(cur, entity, project, type_name)
    project_no, _ = recorder.ensure_project(cur, entity, project, now=now)
    name = given.get("artifactPortfolioName") or ""
    return collections.ensure_collection(cur, project_no, "PORTFOLIO", type_name, name, now=now)


def settle_latest(cur: Cursor, collection_no: int) -> None:
    """Give the alias `latest` to the last version of a collection, if nobody has it."""
    members = artifact_listing.read_members(cur, collection_no=collection_no).to_pylist()
    if members and not any(LATEST in (member["aliases"] or ()) for member in members):
        _write_member(cur, collection_no, members[0], [*(members[0]["aliases"] or ()), LATEST])


def set_aliases(cur: Cursor, collection: Node, version: Node, aliases: Iterable[str]) -> None:
    """Give a version just these aliases in a collection, taking them from others there."""
    member = artifact_lookup.get_member(cur, collection, version)
    _write_member(cur, collection["collection_no"], member, aliases)


def _write_member(cur: Cursor, collection_no: int, member: Node, aliases: Iterable[str]) -> None:
    columns = ("artifact_no", "storage_id", "version_index", "created_at")
    row: Node = {name: member[name] for name in columns}
    stored.write_members(cur, collection_no, [row | {"aliases": list(dict.fromkeys(aliases))}])
