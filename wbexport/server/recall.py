"""Headers that a reader's file gave before: while it stays open it says the same."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from wbexport.query.mongo import parse_filter
from wbexport.server import lookup
from wbexport.store import reader
from wbexport.store.known import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import duckdb

    from wbexport.server.service import Context, Node

    RunKey = tuple[int, str, tuple[str, ...]]

__all__ = ["Recall"]

#: Pages of runs that are remembered, and what is kept of projects and runs.
_PAGES, _KEPT = 8, 256
#: Runs of a page that are read together: who asks for one asks for the next ones too.
_AHEAD = 32


class Recall:
    """Looks up projects and runs, and remembers them where nothing can change them.

    Clients name the project and the run in every request, and ask for the runs of a page one by
    one. A store that is written to is asked each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: object = None
        self._pages: deque[list[tuple[int, str]]] = deque(maxlen=_PAGES)
        self._kept: OrderedDict[Hashable, Node | None] = OrderedDict()
        self._known = Known()

    def project(self, context: Context, entity: str, name: str | None) -> Node | None:
        """Return a project, as `lookup.find_project` does."""

        def read() -> dict[Hashable, Node | None]:
            return {(entity, name): lookup.find_project(context.cursor, entity, name)}

        return self._get(context, (entity, name), read)

    def run(
        self, context: Context, project_no: int, run_id: str, columns: Sequence[str]
    ) -> Node | None:
        """Return a run of a project, as `lookup.find_run_in` does."""
        names = tuple(columns)

        def read() -> dict[Hashable, Node | None]:
            together = self._listed_with(project_no, run_id)
            if not together:
                run = lookup.find_run_in(context.cursor, project_no, run_id, names)
                return {(project_no, run_id, names): run}
            found = reader.read_runs(
                context.cursor,
                project_no=project_no,
                where=parse_filter({"name": {"$in": together}}),
                columns=names,
            )
            # Of two runs with one id the first is meant, as always.
            rows = reversed(found.to_pylist())
            return {(project_no, row["run_id"], names): row for row in rows}

        return self._get(context, (project_no, run_id, names), read)

    def known(self, context: Context) -> tuple[duckdb.DuckDBPyConnection, Known]:
        """Return a cursor, and what was found in histories that it sees."""
        store = context.service.store
        snapshot = store.snapshot
        cursor = context.cursor
        # Of a file that is replaced in between it is not certain which one the cursor sees.
        if snapshot is None or snapshot is not store.snapshot:
            return cursor, Known()
        with self._lock:
            self._forget_unless(snapshot)
            return cursor, self._known

    def listed(self, context: Context, runs: Sequence[Node]) -> None:
        """Take note of a page of runs."""
        if context.service.store.snapshot is not None:
            self._pages.append([(run["project_no"], run["run_id"]) for run in runs])

    def _listed_with(self, project_no: int, run_id: str) -> list[str]:
        """Return the ids of a run and of those that followed it on its page."""
        for page in reversed(list(self._pages)):
            if (project_no, run_id) in page:
                place = page.index((project_no, run_id))
                return [name for no, name in page[place : place + _AHEAD] if no == project_no]
        return []

    def _get(
        self, context: Context, key: Hashable, read: Callable[[], dict[Hashable, Node | None]]
    ) -> Node | None:
        # Taken before the cursor: of a file that is replaced in between nothing old is kept.
        snapshot = context.service.store.snapshot
        if snapshot is None:
            return read().get(key)
        with self._lock:
            self._forget_unless(snapshot)
            if key in self._kept:
                self._kept.move_to_end(key)
                return _copied(self._kept[key])
        found = read()
        with self._lock:
            if snapshot is self._snapshot:
                self._kept |= found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return _copied(found.get(key))

    def _forget_unless(self, snapshot: object) -> None:
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._kept.clear()
            self._known = Known()


def _copied(node: Node | None) -> Node | None:
    return None if node is None else dict(node)
