"""Brings one run over, piece by piece; runs in a worker thread and writes nothing."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.compute as pc

from wbexport.api.history import HistorySource, fetch_source, fetch_sources, scan_long
from wbexport.arrow.digest import long_digest
from wbexport.arrow.schema import LONG
from wbexport.errors import WbexportError
from wbexport.paths import RunPath
from wbexport.store.reader import read_keys, read_long
from wbexport.sync.spool import Spool
from wbexport.sync.streams import Extras, fetch_extras
from wbexport.sync.verify import Promise, Tally

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from wbexport.api.service import Service
    from wbexport.paths import ProjectPath
    from wbexport.store.database import Store
    from wbexport.sync.plan import Fingerprint, RunPlan

__all__ = ["HEADER", "Piece", "Source", "StoppedError", "fetch_run"]

#: What is read of a listed run while it is fetched.
HEADER = (
    "run_id",
    "state",
    "history_keys",
    "history_line_count",
    "last_step",
    "events_line_count",
)

#: A run's history is committed in pieces of about this many values.
PIECE_VALUES = 250_000
#: Runs whose history sources are looked up in one request.
BATCH = 32


@dataclass
class Source:
    """Where runs are fetched from, and the store they are compared with.

    Args:
        service: The server.
        project: The project's path.
        store: The store that is written; read here only.
        pending: Run ids in the order they will be asked for: where their histories are is found
            out for many at once.
        stopped: Set when the sync is over.
    """

    service: Service
    project: ProjectPath
    store: Store
    pending: dict[str, None]
    stopped: threading.Event = field(default_factory=threading.Event)
    _asked: frozenset[str] = frozenset()
    _found: dict[str, HistorySource] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def path_of(self, header: Mapping[str, Any]) -> RunPath:
        """Returns the path of a listed run."""
        return RunPath(self.project.entity, self.project.project, header["run_id"])

    def history(
        self, header: Mapping[str, Any], *, from_step: int = 0, exports: bool = True
    ) -> Iterator[pa.Table]:
        """Yields a run's history from a step on; by pages alone if `exports` is false."""
        path = self.path_of(header)
        if exports:
            source = self._take(path.run_id) or fetch_source(self.service, path)
        else:
            source = HistorySource.of_header(header)
        for table in scan_long(
            self.service, self.service.session, path, from_step=from_step, source=source
        ):
            if self.stopped.is_set():
                raise StoppedError
            yield table

    def _take(self, run_id: str) -> HistorySource | None:
        """Gives where a run's history is; None when that has to be asked for it alone."""
        while batch := self._next_batch(run_id):
            found: dict[str, HistorySource] = {}
            try:
                found = fetch_sources(self.service, self.project, batch)
            except WbexportError:
                # Each of them asks alone then, and says what is wrong.
                pass
            finally:
                with self._changed:
                    self._found |= found
                    self._asked = frozenset()
                    self._changed.notify_all()
        with self._changed:
            return self._found.pop(run_id, None)

    def _next_batch(self, run_id: str) -> list[str]:
        """Names runs to look up now, before a thread waits for one; none once `run_id` is known.

        One thread looks up the next runs while the others fetch those that are known.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._asked or run_id not in self._asked | self.pending.keys()
            )
            enough = run_id not in self.pending and len(self._found) > BATCH // 2
            if self._asked or enough:
                return []
            batch = list(itertools.islice(self.pending, BATCH))
            for each in batch:
                del self.pending[each]
            self._asked = frozenset(batch)
            return batch


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a run that can be committed.

    Args:
        plan: The run.
        status: The run's status once this is committed.
        mode: How the tables join the stored history; None leaves it alone.
        tables: Parts of the history, in step order.
        rows: History rows in them.
        reason: Why the run is incomplete.
        extras: Further streams.
        final: Whether this is all there is of the run.
    """

    plan: RunPlan
    status: str
    mode: Literal["append", "replace"] | None = None
    tables: Sequence[pa.Table] | Spool = ()
    rows: int = 0
    reason: str = ""
    extras: Extras | None = None
    final: bool = True

    @property
    def fingerprint(self) -> Fingerprint:
        """What is known of the run once this piece is committed."""
        now, stored = self.plan.fingerprint, self.plan.stored
        if self.final:
            return now
        before = stored.fingerprint.streams if stored and stored.fingerprint else {}
        return now.with_streams(before)

    @property
    def values(self) -> int:
        """Logged values in the tables."""
        if isinstance(self.tables, Spool):
            return self.tables.values
        return sum(each.num_rows for each in self.tables)

    def discard(self) -> None:
        """Frees what the piece holds on disk."""
        if isinstance(self.tables, Spool):
            self.tables.close()


class StoppedError(Exception):
    """The sync is over; unwinds a thread that still fetches."""


class _OtherGenerationError(Exception):
    """The last stored row is not what the server has at that step."""


def fetch_run(source: Source, plan: RunPlan, header: Mapping[str, Any]) -> Iterator[Piece]:
    """Fetches what a plan asks for.

    Args:
        source: Where from.
        plan: The run and what to do.
        header: The run as listed: at least the columns `HEADER`.

    Yields:
        Pieces to commit, in order; the last one is final.
    """
    status = plan.stored.status if plan.stored is not None else "header"
    further = set(plan.streams) - {"history"}
    if "history" in plan.streams:
        for piece in _fetch_history(source, plan, header):
            status = piece.status
            yield replace(piece, final=piece.final and not further)
    if further:
        extras = fetch_extras(source.service, source.store, source.path_of(header), plan, header)
        yield Piece(plan, status, extras=extras)


def _fetch_history(source: Source, plan: RunPlan, header: Mapping[str, Any]) -> Iterator[Piece]:
    promise = Promise.of(header)
    if plan.action == "rewritten":
        yield _replacement(source, plan, header, promise, ways=(True, False))
        return
    held = _stored_tally(source.store, plan)
    try:
        rest, rows = yield from _append(source, plan, header, held)
    except _OtherGenerationError:
        yield _replacement(source, plan, header, promise, ways=(True, False))
        return
    wrong = held.against(promise)
    if wrong:
        appended = plan.from_step is not None
        again = _replacement(source, plan, header, promise, ways=(appended, False))
        if appended or again.status == "complete" or again.rows > held.rows:
            yield again
            return
        again.discard()
    yield _done(Piece(plan, "complete", "append", rest, rows=rows), wrong)


def _stored_tally(store: Store, plan: RunPlan) -> Tally:
    """Counts what is stored of a run that is appended to."""
    if plan.stored is None or plan.from_step is None:
        return Tally()
    tally = Tally(plan.stored.rows, plan.from_step)
    for entry in read_keys(store.cursor(), [plan.stored.run_no]).to_pylist():
        tally.counts[entry["key"]] = entry["rows"]
    return tally


def _append(
    source: Source, plan: RunPlan, header: Mapping[str, Any], held: Tally
) -> Generator[Piece, None, tuple[list[pa.Table], int]]:
    """Reads on after the last stored row; yields full pieces, returns the rest and its rows."""
    waiting: list[pa.Table] = []
    before = held.rows
    checked = plan.from_step is None
    for table in source.history(header, from_step=plan.from_step or 0, exports=plan.exports):
        if not checked:
            _check_generation(source.store, plan, table)
            table = table.filter(pc.greater(table["step"], plan.from_step))
            checked = True
        held.add(table)
        waiting.append(table)
        if sum(each.num_rows for each in waiting) >= PIECE_VALUES:
            rows = held.rows - before
            yield Piece(plan, "loading", "append", waiting, rows=rows, final=False)
            waiting, before = [], held.rows
    if not checked:
        raise _OtherGenerationError
    return waiting, held.rows - before


def _check_generation(store: Store, plan: RunPlan, fetched: pa.Table) -> None:
    """Raises unless the server still has the last stored row as it is stored."""
    run_no = plan.stored.run_no if plan.stored is not None else -1
    stored = read_long(store.cursor(), [run_no], min_step=plan.from_step)
    now = fetched.filter(pc.equal(fetched["step"], plan.from_step))
    mine, theirs = (
        long_digest(plan.storage_id, "history", table.select(LONG.names)) for table in (stored, now)
    )
    if mine != theirs:
        raise _OtherGenerationError


def _replacement(
    source: Source,
    plan: RunPlan,
    header: Mapping[str, Any],
    promise: Promise,
    *,
    ways: Iterable[bool],
) -> Piece:
    """Reads a whole history, by exported files and by pages, until one keeps the promise."""
    best: Piece | None = None
    for exports in dict.fromkeys(ways):
        tally, spool = Tally(), Spool(source.store.path.parent)
        for table in source.history(header, exports=exports):
            tally.add(table)
            spool.add(table)
        whole = Piece(plan, "complete", "replace", spool, rows=tally.rows)
        found = _done(whole, tally.against(promise))
        if best is not None and best.rows > found.rows:
            found.discard()
        else:
            if best is not None:
                best.discard()
            best = found
        if not found.reason:
            return found
    assert best is not None
    return best


def _done(piece: Piece, wrong: list[str]) -> Piece:
    """Marks a run's last piece by what its verification found."""
    return replace(piece, status="incomplete", reason="; ".join(wrong)) if wrong else piece
