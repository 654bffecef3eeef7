"""The stable full listing of a project's runs, from which a sync plans.

W&B's run cursors are offsets: a run deleted between two pages makes the next page skip one, while
the total still agrees. So each page starts at the last run of the page before. If another run is
found there, the list has moved, and the listing starts again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wbexport.api.answers import project_in
from wbexport.arrow.schema import RUNS
from wbexport.errors import GraphQLError, ResponseError, ServerError
from wbexport.graphql.models import ProjectNode, RunNode, read_node, runs_to_table
from wbexport.query.mongo import parse_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wbexport.graphql.client import GraphQL
    from wbexport.paths import ProjectPath

__all__ = ["Headers", "Unreadable", "fetch_run_headers"]

_MAX_PASSES = 5
#: Runs of the first page, which shows how much a run weighs; and how much a page should.
_FIRST_PAGE = 200
_PAGE_BYTES = 4_000_000
_MAX_UNREADABLE = 20

#: Faults of a page, not of the connection: half the page may still be readable.
_PAGE_FAULTS = (GraphQLError, ResponseError, ServerError)


class _StuckError(ResponseError):
    """A fault of the listing as a whole: a smaller page would not help."""


@dataclass(frozen=True)
class Unreadable:
    """A run that the server lists but cannot give.

    Args:
        offset: Its place in the listing.
        reason: What the server said.
        storage_id: Its storage id, when at least that could be read.
        run_id: Its run id, likewise.
    """

    offset: int
    reason: str
    storage_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Headers:
    """All runs of a project that match a filter.

    Args:
        runs: One row per run, of schema `RUNS`, oldest first.
        run_count: How many runs the server counts.
        project: The project itself.
        unreadable: Runs that are listed but could not be read.
        stable: Whether the listing agrees with itself and with the server's count. A run that is
            missing from an unstable listing must not be taken as deleted.
    """

    runs: pa.Table
    run_count: int
    project: ProjectNode
    unreadable: tuple[Unreadable, ...]
    stable: bool


@dataclass
class _Pass:
    """One walk through the listing."""

    pages: list[pa.Table] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)
    run_count: int = 0
    project: Mapping[str, Any] = field(default_factory=dict)
    moved: bool = False

    @property
    def ids(self) -> frozenset[str]:
        unread = {lost.storage_id or f"offset {lost.offset}" for lost in self.unreadable}
        return frozenset(self.known | unread)

    @property
    def settled(self) -> bool:
        return not self.moved and len(self.ids) == self.run_count


def fetch_run_headers(
    graphql: GraphQL,
    path: ProjectPath,
    *,
    filters: Mapping[str, Any] | None = None,
    page_size: int = 1000,
) -> Headers:
    """List a project's runs completely, with everything a plan needs.

    Args:
        graphql: Executes the queries.
        path: The project.
        filters: W&B's filter; None for all runs.
        page_size: Runs per request, at most; fewer of large runs.

    Returns:
        The runs, and what could not be read of them.

    Raises:
        QueryError: The filter is not understood.
        NotFoundError: There is no such project, or this key may not see it.
        RequestError: The server gives no usable answer, or too many runs cannot be read.
    """
    parse_filter(filters)
    variables = {
        "entity": path.entity,
        "project": path.project,
        "filters": json.dumps(dict(filters or {})),
    }
    before: _Pass | None = None
    pages: list[pa.Table] = []
    for _ in range(_MAX_PASSES):
        walk = _Walk(graphql, path, variables, page_size).run()
        pages += walk.pages
        agrees = before is not None and not walk.moved and walk.ids == before.ids
        before = walk
        if walk.settled or agrees:
            pages = walk.pages
            break
    return Headers(
        runs=_latest(pages),
        run_count=walk.run_count,
        project=read_node(ProjectNode, walk.project),
        unreadable=tuple(walk.unreadable),
        stable=walk.settled,
    )


def _latest(pages: list[pa.Table]) -> pa.Table:
    """Join pages; of a run that is in several, the last row is taken."""
    runs = pa.concat_tables([RUNS.empty_table(), *pages])
    places = {name: place for place, name in enumerate(runs["storage_id"].to_pylist())}
    # From one chunk rows are taken in no time; from many, all of it is copied first.
    runs = runs.combine_chunks()
    return runs if len(places) == runs.num_rows else runs.take(pa.array(places.values()))


class _Walk:
    """Takes one pass; halves a page that fails until the run at fault is alone."""

    def __init__(
        self, graphql: GraphQL, path: ProjectPath, variables: Mapping[str, Any], page_size: int
    ) -> None:
        self._graphql = graphql
        self._path = path
        self._variables = variables
        self._page_size = page_size
        self._fitting = self._size = min(page_size, _FIRST_PAGE)
        self._cursor: str | None = None
        self._overlap: str | None = None
        self._offset = 0
        self._pass = _Pass()

    def run(self) -> _Pass:
        more = True
        while more and not self._pass.moved:
            # One more run than wanted: the last one of the page before.
            size = self._size + (self._overlap is not None)
            try:
                more = self._take(self._fetch("RunHeaders", self._cursor, size))
            except _StuckError:
                raise
            except _PAGE_FAULTS as error:
                if self._size > 1:
                    self._size //= 2
                else:
                    more = self._skip(error)
        return self._pass

    def _resize(self, runs: pa.Table) -> None:
        """Ask next for as many runs as fit into a page; step by step after a failure."""
        was_whole = self._size == self._fitting
        fitting = _PAGE_BYTES * len(runs) // max(runs.nbytes, 1)
        self._fitting = min(self._page_size, max(1, fitting))
        self._size = self._fitting if was_whole else min(self._fitting, 2 * self._size)

    def _fetch(self, operation: str, cursor: str | None, size: int) -> Mapping[str, Any]:
        variables = {**self._variables, "cursor": cursor, "perPage": size}
        project = project_in(self._graphql.execute(operation, variables), self._path)
        runs = project.get("runs")
        if not isinstance(runs, dict) or not isinstance(runs.get("edges"), list):
            raise ResponseError(f"The server sent no list of runs for {self._path}.")
        self._pass.project = {**self._pass.project, **project}
        self._pass.run_count = project.get("runCount") or 0
        return runs

    def _take(self, page: Mapping[str, Any]) -> bool:
        edges = page["edges"]
        # One by one, each freed at once: the parsed JSON of a page is far larger than its table.
        runs = runs_to_table(read_node(RunNode, (edge or {}).pop("node", None)) for edge in edges)
        ids = runs["storage_id"].to_pylist()
        if not self._follows(ids[0] if ids else None):
            return False
        fresh = ids if self._overlap is None else ids[1:]
        self._pass.moved = not self._pass.known.isdisjoint(fresh)
        self._pass.known.update(fresh)
        self._pass.pages.append(runs.slice(len(ids) - len(fresh)))
        self._offset += len(fresh)
        self._resize(runs)
        return self._advance(page, ids, len(fresh))

    def _follows(self, first: str | None) -> bool:
        """Tell whether a page starts where the one before ended."""
        if self._overlap is not None and first != self._overlap:
            self._pass.moved = True
        return not self._pass.moved

    def _advance(self, page: Mapping[str, Any], ids: list[str], fresh: int) -> bool:
        """Set the next page to start at the last run of this one."""
        if not (page.get("pageInfo") or {}).get("hasNextPage"):
            return False
        cursors = [edge.get("cursor") for edge in page["edges"]]
        if not fresh or None in cursors:
            raise _StuckError(f"The listing of {self._path} does not move on; try again later.")
        self._cursor = cursors[-2] if len(cursors) > 1 else self._cursor
        self._overlap = ids[-1]
        return True

    def _skip(self, error: Exception) -> bool:
        """Step over the one run that cannot be read, by a query that asks only who it is."""
        if len(self._pass.unreadable) >= _MAX_UNREADABLE:
            raise error
        try:
            page = self._fetch("RunIds", self._cursor, 1 + (self._overlap is not None))
        except _PAGE_FAULTS:
            raise error from None
        edges = page["edges"]
        first = ((edges[0] or {}).get("node") or {}).get("id") if edges else None
        last = (edges[-1] or {}) if edges else {}
        if not self._follows(first) or len(edges) <= (self._overlap is not None):
            return False
        if last.get("cursor") is None:
            raise error
        node = last.get("node") or {}
        lost = Unreadable(self._offset, str(error), node.get("id"), node.get("name"))
        self._pass.unreadable.append(lost)
        self._offset += 1
        # The next page cannot start at a run that cannot be read.
        self._overlap, self._cursor = None, last["cursor"]
        return bool((page.get("pageInfo") or {}).get("hasNextPage"))
