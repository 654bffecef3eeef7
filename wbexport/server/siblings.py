"""The versions of one page of a listing: what is asked of one is read for all of them at once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wbexport.query.mongo import parse_filter
from wbexport.store import artifact_listing, lineage, reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wbexport.server.service import Context, Node

__all__ = ["siblings_of", "together"]


class _Siblings:
    """What a request may ask of some versions besides their own columns.

    Args:
        context: The request.
        versions: The versions.
    """

    def __init__(self, context: Context, versions: Sequence[Node]) -> None:
        self._context = context
        self._numbers = [version["artifact_no"] for version in versions]
        self._creators = {version["run_storage_id"] for version in versions} - {None}

    @cached_property
    def members(self) -> dict[int, list[Node]]:
        """The number of a version to what collections say of it."""
        found = artifact_listing.read_members(self._context.cursor, artifact_no=self._numbers)
        members: dict[int, list[Node]] = {number: [] for number in self._numbers}
        for member in found.to_pylist():
            members[member["artifact_no"]].append(member)
        return members

    @cached_property
    def creators(self) -> dict[str, Node]:
        """The runs that logged the versions, by what GraphQL calls their ids."""
        return self._runs(self._creators)

    @cached_property
    def users(self) -> dict[int, list[Node]]:
        """The number of a version to the runs that used it and are still there."""
        users = lineage.read_users(self._context.cursor, self._numbers)
        runs = self._runs({run for each in users.values() for run in each})
        return {number: [runs[run] for run in users[number] if run in runs] for number in users}

    def _runs(self, storage_ids: Iterable[str]) -> dict[str, Node]:
        wanted = parse_filter({"id": {"$in": sorted(storage_ids)}})
        found = reader.read_runs(self._context.cursor, where=wanted).to_pylist()
        return {run["storage_id"]: run for run in found}


def together(context: Context, versions: Sequence[Node]) -> list[Node]:
    """Return versions that know of each other, so that a page costs no more than one of them."""
    siblings = _Siblings(context, versions)
    return [version | {"siblings": siblings} for version in versions]


def siblings_of(context: Context, version: Node) -> _Siblings:
    """Return what may be asked of a version, which alone is its only sibling."""
    siblings: _Siblings | None = version.get("siblings")
    return siblings or _Siblings(context, [version])
